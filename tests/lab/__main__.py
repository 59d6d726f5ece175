"""`python -m tests.lab up | down | run PROGRAM …`: the standing lab that `inventories/lab` describes.

Its network is a namespace of its own: what is to reach it runs by `run`.
"""

import os
import sys

from tests.lab import hosts, network

USAGE = "usage: python -m tests.lab up | down | run PROGRAM [ARGUMENT ...]"


def up() -> None:
    from tasks.home import home
    from tasks.inventory.secret_files import Login, store

    made = hosts.up()
    here = home()
    here.ready(here.root)
    here.ready(here.secrets)
    keys = {"lab-key": "key", "lab-key-rsa": "key-rsa"}
    store(here, {name: Login(user="root", key_file=str(made.folder / file)) for name, file in keys.items()})
    print(
        f"试验环境已建起：{len(made.hosts)} 台主机，{made.hosts[0].address} 起；登录密钥已存入凭据 lab-key。"
    )
    print("下一步（以 root 执行）：")
    for words in (
        "hosts trust --contract lab --replace",
        "inventory activate lab",
        "run inspection --contract lab",
    ):
        print(f"  .venv/bin/python -m tests.lab run .venv/bin/opsproof {words}")


def run(words: list[str]) -> None:
    name = hosts.standing().name
    if not (network.NETNS / name).exists():
        sys.exit("试验环境没有运行：请先执行 make lab")
    with network.inside(name):
        os.execvp(words[0], words)  # the namespace stays with the program


def main(words: list[str]) -> None:
    if why := hosts.missing():
        sys.exit(why)
    match words:
        case ["up"]:
            up()
        case ["down"]:
            hosts.down()
        case ["run", _, *_]:
            run(words[1:])
        case _:
            sys.exit(USAGE)


if __name__ == "__main__":
    main(sys.argv[1:])
