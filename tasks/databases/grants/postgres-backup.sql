-- opsproof 备份账号所需的最小权限（PostgreSQL 10 及以上）。由数据库管理员以超级用户执行一次。
-- OPSPROOF_ACCOUNT 换成实际账号（建议与巡检账号分开，在 backups.yml 中用 credential 指定）；账号先行建好，例如：
--   CREATE ROLE OPSPROOF_ACCOUNT LOGIN CONNECTION LIMIT 20;
--   \password OPSPROOF_ACCOUNT
-- 并在 pg_hba.conf 中为运行 opsproof 的主机加两行（第二行用于物理备份；逻辑备份的导出程序在数据库主机上运行，也要允许该主机自己的地址）：
--   hostssl all         OPSPROOF_ACCOUNT <opsproof 主机地址>/32 scram-sha-256
--   hostssl replication OPSPROOF_ACCOUNT <opsproof 主机地址>/32 scram-sha-256
-- 参数要求：wal_level 为 replica 或 logical；max_wal_senders 与 max_replication_slots 各留 3 个余量。
-- 连续日志备份（between: log）：wal_keep_size（13 以前为 wal_keep_segments）须大于两次备份之间产生的 WAL。

-- 物理备份与 WAL 经复制协议读取；行级安全策略不得隐去任何一行，否则摘要不完整。
ALTER ROLE OPSPROOF_ACCOUNT REPLICATION BYPASSRLS;

-- 读取全部表、序列与大对象以计算摘要，不能修改任何内容（14 及以上；更早版本请逐库 GRANT SELECT ON ALL TABLES / SEQUENCES）。
GRANT pg_read_all_data TO OPSPROOF_ACCOUNT;
-- 判断正在提交的事务，取得与 WAL 位置一致的快照。
GRANT pg_monitor TO OPSPROOF_ACCOUNT;

-- 逻辑备份读取他人的大对象（pg_read_all_data 不含大对象的读取）；会话只读，不能修改。
ALTER ROLE OPSPROOF_ACCOUNT SET lo_compat_privileges = on;
-- 会话默认只读。
ALTER ROLE OPSPROOF_ACCOUNT SET default_transaction_read_only = on;

-- 在备库上备份时另需（在备库取快照的瞬间暂停回放；须在主库执行，随复制生效）：
--   GRANT EXECUTE ON FUNCTION pg_wal_replay_pause(), pg_wal_replay_resume() TO OPSPROOF_ACCOUNT;
-- 使用哨兵值（sentinel: true）时另需，在 databases.yml 所写的库里执行：
--   CREATE SCHEMA opsproof;
--   CREATE TABLE opsproof.sentinel (value text);
--   INSERT INTO opsproof.sentinel VALUES ('');
--   GRANT USAGE ON SCHEMA opsproof TO OPSPROOF_ACCOUNT;
--   GRANT SELECT, UPDATE ON opsproof.sentinel TO OPSPROOF_ACCOUNT;
