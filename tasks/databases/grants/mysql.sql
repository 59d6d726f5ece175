-- MySQL 5.6–8.4、MariaDB 10/11 巡检账户所需的最小权限，由数据库管理员执行。
-- 先建立账户（只允许从运维机登录）：
--   CREATE USER OPSPROOF_ACCOUNT IDENTIFIED BY '口令';
-- 账户写成 'opsproof'@'运维机地址' 的形式。没有任何业务数据的读取权限，也没有写权限。

-- 会话、长事务、锁等待、死锁计数，以及 InnoDB 各表空间文件的真实大小、没有主键的表
GRANT PROCESS ON *.* TO OPSPROOF_ACCOUNT;
-- 复制状态、二进制日志清单。MariaDB 10.5.9 起查看复制状态另有一项权限，MySQL 会把它当作注释
GRANT REPLICATION CLIENT /*M!100509 , SLAVE MONITOR */ ON *.* TO OPSPROOF_ACCOUNT;
-- 表的状态（引擎、是否标记为损坏）：有此权限才能在 information_schema 中看到表，但不能读其中的数据
GRANT SHOW DATABASES, SHOW VIEW ON *.* TO OPSPROOF_ACCOUNT;
-- 复制连接的心跳、MySQL 8 的锁等待
GRANT SELECT ON performance_schema.* TO OPSPROOF_ACCOUNT;
-- 账户清单：只有这几列，没有口令列
GRANT SELECT (Host, User, Super_priv) ON mysql.user TO OPSPROOF_ACCOUNT;
