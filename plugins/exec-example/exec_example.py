#!/usr/bin/python3 -B
"""A plugin of tlswarden that runs a command for each question and takes what it
prints as facts. README.md beside this file says how to configure it.

It needs Python 3.9 or newer with grpcio and protobuf (on Debian python3-grpcio and
python3-protobuf), timeout(1), and tlswarden_plugin_v1_pb2.py beside it, which is
made in plugins/proto by: protoc --python_out=../exec-example tlswarden_plugin_v1.proto

Diagnostics: problems of the settings are told to the daemon. A command that fails,
takes too long or prints what is no fact leaves facts unknown, and the answer says
why. What a command writes to standard error goes to the daemon's log.
"""

import contextlib
import dataclasses
import json
import os
import re
import select
import signal
import subprocess
import sys
import threading
import time
from concurrent import futures

import grpc

import tlswarden_plugin_v1_pb2 as pb

COOKIE = "7ad1b06f3f3b4c5c8a0e"
WORKERS = 100  # calls at once, as many as the daemon makes unless it is configured otherwise
GRACE = 5  # seconds that calls which have begun may go on at the end
MAX_OUTPUT = 64 << 10  # octets that a command may print
MAX_TEXT = 1024  # octets of a text in an answer
TIMEOUT = "/usr/bin/timeout"
UNITS = {"ms": 0.001, "s": 1, "m": 60, "h": 3600}
KEY = re.compile(r"[a-z][a-z0-9_]{0,63}")
TYPES = {name.lower(): number for name, number in pb.Type.items() if number != 0}


class Problem(Exception):
    """What is wrong with settings (then with the key), or with what a command printed."""

    def __init__(self, message, key=""):
        super().__init__(message)
        self.key = key


def duration(text, key):
    """The seconds of a text such as "500ms" or "5m"."""
    match = re.fullmatch(r"(\d+)(ms|s|m|h)", text) if isinstance(text, str) else None
    if not match or int(match[1]) == 0:
        raise Problem('takes a duration such as "500ms" or "5m"', key)
    return int(match[1]) * UNITS[match[2]]


def texts(value, key):
    """A list of texts."""
    if not isinstance(value, list) or not all(isinstance(entry, str) for entry in value):
        raise Problem("takes a list of strings", key)
    return value


@dataclasses.dataclass
class Settings:
    """The plugin's table, [plugin.NAME.settings]."""

    command: list  # program and arguments
    facts: dict  # key to type, as numbers of the contract
    needs: list  # facts of the session without which the command is not run
    optional: list  # facts of the session that it can do without
    timeout: float  # seconds that the command may take
    ttl: float  # seconds that an answer holds

    @classmethod
    def read(cls, table):
        """Make settings of a JSON object. It raises the first Problem that it finds."""
        for key in table:
            if key not in cls.__dataclass_fields__:
                raise Problem("unknown key", key)
        command = texts(table.get("command", []), "command")
        if not command or not os.path.isabs(command[0]):
            raise Problem("takes a program with its absolute path, and its arguments", "command")
        if not os.path.isfile(command[0]) or not os.access(command[0], os.X_OK):
            raise Problem("%s is not an executable file" % command[0], "command")
        facts = table.get("facts")
        if not isinstance(facts, dict) or not facts:
            raise Problem('takes a table of facts and their types, such as { tier = "name" }', "facts")
        for key, name in facts.items():
            if not KEY.fullmatch(key):
                raise Problem('a fact has lower-case letters, digits and "_", and begins with a letter', "facts." + key)
            if not isinstance(name, str) or name not in TYPES:
                raise Problem("takes one of " + ", ".join(TYPES), "facts." + key)
        return cls(
            command=command,
            facts={key: TYPES[name] for key, name in facts.items()},
            needs=texts(table.get("needs", ["sender_domain"]), "needs"),
            optional=texts(table.get("optional", []), "optional"),
            timeout=duration(table.get("timeout", "1s"), "timeout"),
            ttl=duration(table.get("ttl", "1m"), "ttl"),
        )


def variables(facts):
    """The environment of the command: its own, and the facts of the session."""
    env = {name: value for name, value in os.environ.items() if not name.startswith(("PLUGIN_", "TLSWARDEN_"))}
    for name, value in facts.items():
        kind = value.WhichOneof("kind")
        text = getattr(value, kind) if kind else ""
        if kind == "flag":
            text = "true" if value.flag else "false"
        variable = "FACT_" + name.upper().replace(".", "_")
        env[variable] = str(text)
        if kind == "text" and "\n" not in text:
            env[variable + "_FORMS"] = "\n".join([text, *value.also])
    return env


def run(command, env, seconds):
    """What the command prints. It raises Problem if it fails or takes too long.

    The command is run by timeout(1), which ends its process group in time even where the
    daemon kills this plugin meanwhile. The group is made here, so that it is there even
    where timeout(1) has not begun yet.
    """
    deadline = time.monotonic() + seconds
    process = subprocess.Popen(
        [TIMEOUT, "--signal=KILL", "%.3f" % seconds] + command,
        cwd="/", env=env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, start_new_session=True)
    try:
        output = read(process.stdout.fileno(), deadline + 0.2)
        status = process.wait(max(0.1, deadline + 0.2 - time.monotonic()))
    except (Problem, subprocess.TimeoutExpired):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)  # it has not been waited for, so the number is its own
        process.kill()
        process.wait()
        raise Problem("%s printed too much, or left something behind that holds its output" % command[0]) from None
    finally:
        process.stdout.close()
    if status == -signal.SIGKILL:
        raise Problem("%s took longer than %.3g s, or was killed" % (command[0], seconds))
    if status != 0:
        raise Problem("%s ended with the status %d" % (command[0], status))
    return output


def read(fd, deadline):
    """All that comes from a pipe until it ends, but not more than MAX_OUTPUT."""
    poll = select.poll()
    poll.register(fd, select.POLLIN)
    output = b""
    while len(output) <= MAX_OUTPUT:
        if not poll.poll(max(0, 1000 * (deadline - time.monotonic()))):
            break
        part = os.read(fd, MAX_OUTPUT)
        if not part:
            return output
        output += part
    raise Problem("too much, or too late")


def parse(output, types):
    """Facts of lines such as "tier=strict". It returns those that are in order and
    what is wrong with the others."""
    facts, wrong = {}, []
    for line in output.decode("utf-8", "replace").split("\n"):
        if not line.strip():
            continue
        key, equals, text = line.partition("=")
        key, text = key.strip(), text.strip()
        try:
            if not equals or key not in types:
                raise Problem("%.100r is no fact of the settings" % line)
            if key in facts:
                raise Problem("the fact %s is there twice" % key)
            facts[key] = value(types[key], text)
        except Problem as problem:
            wrong.append(str(problem))
    return facts, wrong


def value(kind, text):
    """A value of a type. It raises Problem if the text is none."""
    if kind == pb.BOOLEAN:
        if text not in ("true", "false"):
            raise Problem("%.100r is neither true nor false" % text)
        return pb.Value(flag=text == "true")
    if kind in (pb.NUMBER, pb.TIME):
        if not re.fullmatch(r"-?[0-9]{1,18}", text):
            raise Problem("%.100r is no whole number" % text)
        return pb.Value(number=int(text))
    if len(text.encode()) > MAX_TEXT:
        raise Problem("%.100r... has more than %d octets" % (text, MAX_TEXT))
    return pb.Value(text=text)


class Plugin:
    """The calls of the contract."""

    def __init__(self):
        self.settings = None  # until Configure

    def configure(self, request, _):
        """Take the settings."""
        try:
            self.settings = Settings.read(json.loads(request.settings or b"{}"))
        except Problem as problem:
            return pb.ConfigureResponse(problems=[pb.Problem(key=problem.key, message=str(problem))])
        return pb.ConfigureResponse()

    def describe(self, _, __):
        """Say what is offered and needed."""
        answer = pb.DescribeResponse(name="exec-example", version="1.0")
        if self.settings:
            answer.cache_seconds = max(1, int(self.settings.ttl))
            answer.facts.extend(
                pb.Fact(key=key, type=kind, meaning="what %s says" % os.path.basename(self.settings.command[0]))
                for key, kind in self.settings.facts.items())
            answer.needs.extend(pb.Need(name=name) for name in self.settings.needs)
            answer.needs.extend(pb.Need(name=name, optional=True) for name in self.settings.optional)
        return answer

    def lookup(self, request, context):
        """Run the command for one session."""
        settings = self.settings
        if not settings:
            context.abort(grpc.StatusCode.FAILED_PRECONDITION, "the plugin has no settings yet")
        seconds = settings.timeout
        if context.time_remaining() is not None:  # leave time for the answer
            seconds = max(0.01, min(seconds, context.time_remaining() - 0.1))
        try:
            facts, wrong = parse(run(settings.command, variables(request.facts), seconds), settings.facts)
        except (Problem, OSError, ValueError) as problem:  # ValueError: a fact has a NUL
            facts, wrong = {}, [str(problem)]
        return pb.LookupResponse(facts=facts, error="; ".join(wrong)[:MAX_TEXT // 4])


def serve(plugin, ended):
    """Start a server on a socket, and return it with the path of the socket."""

    def calls(service, methods):
        return grpc.method_handlers_generic_handler(service, {
            name: grpc.unary_unary_rpc_method_handler(
                call, request.FromString if request else None, request and (lambda answer: answer.SerializeToString()))
            for name, (call, request) in methods.items()})

    def shutdown(_, __):
        ended.set()
        return b""

    server = grpc.server(futures.ThreadPoolExecutor(max_workers=WORKERS))
    server.add_generic_rpc_handlers([
        calls("tlswarden.plugin.v1.Plugin", {
            "Describe": (plugin.describe, pb.DescribeRequest),
            "Configure": (plugin.configure, pb.ConfigureRequest),
            "Lookup": (plugin.lookup, pb.LookupRequest)}),
        # Of these services everything is known without their definitions: a request
        # without content, an empty answer, and the answer SERVING (field 1 is 1).
        calls("plugin.GRPCController", {"Shutdown": (shutdown, None)}),
        calls("grpc.health.v1.Health", {"Check": (lambda _, __: b"\x08\x01", None)})])
    path = os.path.join(os.environ["PLUGIN_UNIX_SOCKET_DIR"], "plugin")
    server.add_insecure_port("unix:" + path)
    server.start()
    return server, path


def main():
    """Be a plugin until the daemon ends, or ends it."""
    if os.environ.get("TLSWARDEN_PLUGIN") != COOKIE:
        sys.exit("this is a plugin of tlswarden, which starts it")
    if "1" not in os.environ.get("PLUGIN_PROTOCOL_VERSIONS", "1").split(","):
        sys.exit("this plugin speaks version 1 of the protocol, which the daemon does not")
    if "PLUGIN_CLIENT_CERT" in os.environ:
        sys.exit("this plugin needs mtls = false")
    ended = threading.Event()
    signal.signal(signal.SIGTERM, lambda _, __: ended.set())
    server, path = serve(Plugin(), ended)
    print("1|1|unix|%s|grpc|" % path, flush=True)

    def watch():
        # The daemon's end of the pipe is closed even where it is killed. sys.stdin has a
        # lock, which Python would miss if it ended meanwhile.
        while os.read(0, 4096):
            pass
        ended.set()

    threading.Thread(target=watch, daemon=True).start()
    ended.wait()
    server.stop(GRACE).wait()


if __name__ == "__main__":
    main()
