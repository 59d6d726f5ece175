# make up: run it. make test: prove it. make help: the rest.
SHELL := /bin/sh
BIN := .venv/bin
export PYTHON
# What is compiled is kept, whatever the surroundings say: the tests start a thousand processes.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help up install install-dev test unit unit-all check check-all lock show-platform show-inspection show-databases show-backup show-playbooks lab lab-down

help:
	@echo "make up             启动（首次会安装依赖并巡检本机）"
	@echo "make test           全部检查与测试"
	@echo "make unit           只跑单元测试（约一分钟）"
	@echo "make check          格式、类型、导入规则"
	@echo "make lock           按 pyproject.toml 重新生成锁定文件"
	@echo "make lab            建起试验环境（19 台主机，需要 root）；make lab-down 拆除"
	@echo "make show-platform  按完整规模演示并测量平台；make show-inspection 主机巡检（约 10 分钟，需要 root）"
	@echo "make show-databases 数据库巡检（真实 MariaDB、PostgreSQL 与 Oracle 替身）；make show-backup 备份与有效性验证"
	@echo "make show-playbooks 作业手册：真实 systemd 上的启停、中断接续、一年节假日、审批（约 100 分钟，需要 root）"

up: install
	@exec $(BIN)/opsproof up

install:
	@deployments/bootstrap.sh requirements.lock

install-dev:
	@deployments/bootstrap.sh requirements-dev.lock

# Types are looked at on one processor meanwhile. What is not a unit test waits for servers more than it works: four at once.
test: install-dev
	@deployments/test-packages.sh
	@$(MAKE) --no-print-directory -j2 check-all unit-all
	$(BIN)/python -m pytest tests --ignore tests/unit -n 4 --dist loadfile --no-loadscope-reorder

unit: install-dev
	@$(MAKE) --no-print-directory unit-all

unit-all:
	$(BIN)/python -m pytest tests/unit -q -n 2

check: install-dev
	@$(MAKE) --no-print-directory check-all

check-all:
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache

show-platform: install-dev
	@deployments/test-packages.sh
	@$(BIN)/python -m tests.bench.platform

show-inspection: install-dev
	@deployments/test-packages.sh
	@$(BIN)/python -m tests.bench.inspection

show-databases: install-dev
	@deployments/test-packages.sh
	@$(BIN)/python -m tests.bench.databases

show-backup: install-dev
	@deployments/test-packages.sh
	@$(BIN)/python -m tests.bench.backup

show-playbooks: install-dev
	@deployments/test-packages.sh
	@$(BIN)/python -m tests.bench.playbooks

lab: install-dev
	@deployments/test-packages.sh
	@$(BIN)/python -m tests.lab up

lab-down: install-dev
	@$(BIN)/python -m tests.lab down

# Needs uv on the path; the files hold hashes and no index address.
UV := uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-header --no-annotate \
	--no-emit-index-url --no-emit-find-links
lock:
	$(UV) pyproject.toml -o requirements.lock
	$(UV) --extra dev -c requirements.lock pyproject.toml -o requirements-dev.lock
