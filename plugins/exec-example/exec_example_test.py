"""Tests of exec_example.py, which exec_example_test.go runs."""

import os
import random
import tempfile
import time
import unittest
from unittest import mock

import exec_example
from exec_example import Problem, Settings, duration, parse, pb, run, variables

TYPES = {"tier": pb.NAME, "exempt": pb.BOOLEAN, "count": pb.NUMBER, "note": pb.TEXT}
LINES = [b"tier=strict", b"exempt=true", b"count=-7", b"note=", b"other=1", b"tier", b"=", b"exempt=yes", b"count=1e3", b"note=a=b", b"\xff\0"]


class Parse(unittest.TestCase):
    def test_lines(self):
        facts, wrong = parse(b" tier = strict \r\n\nexempt=true\ncount=-7\nnote=a=b", TYPES)
        self.assertEqual(wrong, [])
        self.assertEqual(facts, {
            "tier": pb.Value(text="strict"), "exempt": pb.Value(flag=True), "count": pb.Value(number=-7), "note": pb.Value(text="a=b")})

    def test_wrong(self):
        facts, wrong = parse(b"tier=\nexempt=yes\ncount=12345678901234567890\nnote=" + 2000 * b"x" + b"\nother=1\ntier\ntier=x", TYPES)
        self.assertEqual(facts, {"tier": pb.Value(text="")})
        self.assertEqual(len(wrong), 6, wrong)
        self.assertLess(max(map(len, wrong)), 200)

    def test_any_bytes(self):
        """Whatever a command prints, facts are of their types, and the message can be made."""
        chance = random.Random(1)
        for _ in range(5000):
            lines = [chance.choice(LINES) for _ in range(chance.randrange(6))]
            output = bytearray(b"\n".join(lines))
            for _ in range(chance.randrange(3)):
                output.insert(chance.randrange(len(output) + 1), chance.randrange(256))
            facts, _ = parse(bytes(output), TYPES)
            for key, value in facts.items():
                kind = {pb.BOOLEAN: "flag", pb.NUMBER: "number"}.get(TYPES[key], "text")
                self.assertEqual(value.WhichOneof("kind"), kind, output)
            pb.LookupResponse(facts=facts).SerializeToString()


class Config(unittest.TestCase):
    def test_duration(self):
        self.assertEqual([duration(text, "") for text in ("500ms", "2s", "5m", "1h")], [0.5, 2, 300, 3600])
        for text in ("", "5", "0s", "-1s", "1.5s", "5 m", 5, None):
            with self.assertRaises(Problem):
                duration(text, "ttl")

    def test_problems(self):
        good = {"command": ["/bin/true"], "facts": {"tier": "name"}}
        Settings.read(good)
        for change, key in (
                ({"comand": []}, "comand"), ({"command": "true"}, "command"), ({"command": []}, "command"), ({"command": ["true"]}, "command"),
                ({"command": ["/etc/passwd"]}, "command"), ({"command": ["/bin/true", 1]}, "command"), ({"facts": {}}, "facts"),
                ({"facts": ["tier"]}, "facts"), ({"facts": {"Tier": "name"}}, "facts.Tier"), ({"facts": {"tier": "string"}}, "facts.tier"),
                ({"facts": {"tier": 1}}, "facts.tier"), ({"needs": "sender"}, "needs"), ({"timeout": 2}, "timeout"), ({"ttl": "0s"}, "ttl")):
            with self.assertRaises(Problem) as caught:
                Settings.read({**good, **change})
            self.assertEqual(caught.exception.key, key)


class Run(unittest.TestCase):
    def sh(self, script, seconds=10):
        return run(["/bin/sh", "-c", script], {"FACT_HELO": "$(id); `id`"}, seconds)

    def test_output(self):
        self.assertEqual(self.sh('echo "helo=$FACT_HELO"; cat; pwd'), b"helo=$(id); `id`\n/\n")

    def test_failures(self):
        began = time.monotonic()
        for script, seconds, want in (
                ("exit 3", 10, "status 3"), ("kill -9 $$", 10, "was killed"), ("sleep 100", 0.2, "longer than 0.2 s"),
                ("sleep 100 & exit 0", 0.2, "left something"), ("setsid sleep 1", 0.2, "longer|left something"), ("cat /dev/zero", 10, "too much")):
            with self.subTest(script), self.assertRaisesRegex(Problem, want):
                self.sh(script, seconds)
        self.assertLess(time.monotonic() - began, 60)

    def test_late_timeout(self):
        """A command ends in time even where timeout(1) has not come to make its group."""
        with tempfile.TemporaryDirectory() as folder:
            slow = os.path.join(folder, "timeout")
            with open(slow, "w") as file:
                file.write("#!/bin/sh\nsleep 100\n")
            os.chmod(slow, 0o700)
            with mock.patch.object(exec_example, "TIMEOUT", slow), self.assertRaisesRegex(Problem, "left something"):
                self.sh("true", 0.2)

    def test_variables(self):
        exec_example.os.environ["PLUGIN_MIN_PORT"] = "1"
        env = variables({
            "message.spf": pb.Value(text="pass"), "recipient": pb.Value(text="a+b@example.org", also=["a@example.org"]),
            "tls": pb.Value(flag=False), "size": pb.Value(number=7), "sasl_user": pb.Value(text="a\nroot"), "helo": pb.Value()})
        self.assertEqual({name: text for name, text in env.items() if name.startswith(("FACT_", "PLUGIN_"))},
                         {"FACT_MESSAGE_SPF": "pass", "FACT_MESSAGE_SPF_FORMS": "pass",
                          "FACT_RECIPIENT": "a+b@example.org", "FACT_RECIPIENT_FORMS": "a+b@example.org\na@example.org",
                          "FACT_TLS": "false", "FACT_SIZE": "7", "FACT_SASL_USER": "a\nroot", "FACT_HELO": ""})


if __name__ == "__main__":
    unittest.main()
