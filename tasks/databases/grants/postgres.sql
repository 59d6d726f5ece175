-- opsproof 巡检账号所需的最小权限（PostgreSQL 10 及以上）。由数据库管理员以超级用户执行一次。
-- OPSPROOF_ACCOUNT 换成实际账号；账号先行建好，例如：
--   CREATE ROLE OPSPROOF_ACCOUNT LOGIN CONNECTION LIMIT 5;
--   \password OPSPROOF_ACCOUNT
-- 并在 pg_hba.conf 中为运行 opsproof 的主机加一行：
--   hostssl all OPSPROOF_ACCOUNT <opsproof 主机地址>/32 scram-sha-256
-- openGauss 系列没有 pg_monitor，改为：ALTER USER OPSPROOF_ACCOUNT MONADMIN;（密码需按 md5 保存）
-- PostgreSQL 9.6 没有 pg_monitor：未授予超级用户时，涉及其他会话的检查项如实报告“未采集”。

-- 读取运行统计、全部参数、WAL 与归档目录的大小；不能读取任何业务数据，不能修改任何内容。
GRANT pg_monitor TO OPSPROOF_ACCOUNT;

-- 会话一律只读；程序登录后还会再次设置并核对。
ALTER ROLE OPSPROOF_ACCOUNT SET default_transaction_read_only = on;
