-- MySQL 5.7–8.4、MariaDB 10/11 备份账户所需的最小权限，由数据库管理员执行。与巡检账户分开使用。
-- 先建立账户（从运维机与数据库主机本机登录）：
--   CREATE USER OPSPROOF_ACCOUNT IDENTIFIED BY '口令';

-- 读取全部数据与定义，用于逐表比对（触发器、事件、视图、存储过程的定义也要能看到）
GRANT SELECT, SHOW VIEW, TRIGGER, EVENT, PROCESS ON *.* TO OPSPROOF_ACCOUNT;
-- 备份开始与快照时的瞬时锁（不阻塞读，写入只停顿毫秒级）；关闭当前二进制日志
GRANT RELOAD, LOCK TABLES ON *.* TO OPSPROOF_ACCOUNT;
-- 二进制日志：位置与清单，以及像备库那样取走日志内容。MariaDB 10.5 起分成几项，MySQL 会把它当作注释
GRANT REPLICATION CLIENT, REPLICATION SLAVE /*M!100509 , BINLOG MONITOR, SLAVE MONITOR */ ON *.* TO OPSPROOF_ACCOUNT;
-- MySQL 8 的物理备份另需（MariaDB 不执行这几行）
/*!80000 GRANT BACKUP_ADMIN ON *.* TO OPSPROOF_ACCOUNT */;
/*!80000 GRANT SELECT ON performance_schema.log_status TO OPSPROOF_ACCOUNT */;
-- 哨兵值：仅在 backups.yml 中启用 sentinel 时需要
GRANT CREATE, INSERT, DELETE ON opsproof_backup.* TO OPSPROOF_ACCOUNT;
