"""Programs tuned by their command line, one for each way to behave: `misbehaving_programs.py NAME`.

It runs with `python -I -S`, so that its start costs little.
"""

# pyright: basic

import json
import os
import signal
import subprocess
import sys
import time

SLEEPER = [sys.executable, "-I", "-S", __file__]


def say(text):
    print(text, flush=True)


def prints_once():
    say("val_loss = 0.5")


def trains():
    for epoch in range(1, 4):
        say(f"epoch {epoch}: \x1b[1mval_loss\x1b[0m: {1 / epoch}, best_val_loss: 7")


def draws_progress():
    sys.stdout.write("".join(f"\r{step}/3 step={step} val_loss={step}.5 " for step in (1, 2, 3)))


def prints_json():
    say("val_loss=9")
    say(json.dumps({"step": 1, "val_loss": 0.25}))
    say("val_loss=9")


def writes_reports():
    with open(os.environ["HPTUI_REPORT"], "a") as report:
        for step in (1, 2):
            report.write(json.dumps({"step": step, "val_loss": step / 4}) + "\n")
            report.flush()
            say("val_loss=9")


def shows_its_surroundings():
    seen = {name: value for name, value in os.environ.items() if name.startswith("HPTUI_")}
    seen |= {"unbuffered": os.environ["PYTHONUNBUFFERED"], "argv": sys.argv[1:], "cwd": os.getcwd()}
    seen |= {"input": sys.stdin.read(), "group": os.getpgrp() == os.getpid()}
    seen |= {"interrupts": signal.getsignal(signal.SIGINT) is signal.default_int_handler}
    seen |= {"descriptors": sorted(map(int, os.listdir("/proc/self/fd")))}
    with open(os.path.join(os.environ["HPTUI_TRIAL_DIR"], "seen.json"), "w") as file:
        json.dump(seen, file)
    say("val_loss=1")


def prints_another_name():
    say("accuracy: 0.9 loss=1 epoch=3")


def prints_nothing():
    pass


def prints_a_unit():
    say("val_loss: 12.3ms")


def prints_nan_at_last():
    say("val_loss=0.1\nval_loss=nan")


def prints_infinity():
    say("val_loss=inf")


def fails():
    say("val_loss=0.1")
    sys.exit("no such layer")


def kills_itself():
    say("val_loss=0.1")
    os.kill(os.getpid(), signal.SIGSEGV)


def prints_no_text():
    sys.stdout.buffer.write(b"\xff\xfe\x00val_loss=3\n\x80 val_loss=0.75 \xff\n")


def prints_a_megabyte_without_an_end():
    sys.stdout.write("x" * (1 << 20) + " val_loss=9\rval_loss=0.5")


def floods():
    # Ten megabytes.
    for _ in range(160):
        sys.stdout.write("nothing to see here, go on please\n" * 2000)
    say("val_loss=0.5")


def floods_with_values():
    sys.stdout.write("".join(f"val_loss={step}\n" for step in range(10_500)))


def closes_its_output_and_goes_on():
    say("val_loss=0.5")
    sys.stdout = None
    os.close(1)
    os.close(2)
    time.sleep(0.2)
    with open(os.path.join(os.environ["HPTUI_TRIAL_DIR"], "went-on"), "w"):
        pass


def leaves_children():
    for session in (False, True):
        subprocess.Popen([*SLEEPER, "sleeps"], start_new_session=session)
    say("val_loss=0.5")


def leaves_a_daemon():
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            signal.signal(signal.SIGHUP, signal.SIG_IGN)
            os.execv(sys.executable, [*SLEEPER, "sleeps"])
        os._exit(0)
    os.wait()
    say("val_loss=0.5")


def leaves_a_daemon_that_will_not_end():
    subprocess.Popen([*SLEEPER, "will_not_end"], start_new_session=True, env={})
    time.sleep(0.1)
    say("val_loss=0.5")


def will_not_end():
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    sleeps()


def sleeps():
    time.sleep(1000)


# -- what goes on until it is ended


def is_bad_and_ends_well():
    # A handler may come in the middle of a print, which no other print may enter.
    signal.signal(signal.SIGTERM, lambda *_: os.write(1, b"val_loss=0\n") and os._exit(0))
    gets_worse()


def is_bad_and_ignores_the_request():
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    gets_worse()


def is_bad_and_has_children():
    leaves_children()
    leaves_a_daemon()
    gets_worse()


def gets_worse():
    for step in range(1, 1000):
        say(f"step={step} val_loss={100 + step}")
        time.sleep(0.05)


def hangs():
    leaves_children()
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    sleeps()


if __name__ == "__main__":
    globals()[sys.argv[1]]()
