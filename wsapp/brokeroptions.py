"""What ``--broker`` and the options that belong to it ask for."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from wsapp.brokers import Keep
from wsapp.quantities import parseSeconds
from wsapp.workers.inheritance import Inheritance

__all__ = ["brokerOf", "consolesOf", "named"]


def named(option: str, make: Callable[..., Any], *arguments: Any) -> Any:
    """Make something of an option, which the error names."""
    try:
        return make(*arguments)
    except ValueError as error:
        raise ValueError(f"--{option}: {error}") from None


def brokerOf(options: Mapping[str, Any], reactor: Any) -> Any:
    """The broker that the options ask for; None for the one of a single process."""
    return _broker(options, reactor)


def consolesOf(options: Mapping[str, Any], reactor: Any) -> Any:
    """One of its own for what consoles of several nodes say to each other; None where no other node can be.

    Nothing of that is worth keeping, so that the broker forgets it soon.
    """
    return _broker(
        options,
        reactor,
        ":console",
        away=Keep(1000, 8 * 1024 * 1024, 10.0),
        outboxMessages=1000,
        outboxBytes=8 * 1024 * 1024,
        purpose=", for consoles",
    )


def _broker(options: Mapping[str, Any], reactor: Any, below: str = "", **more: Any) -> Any:
    """:param below: What stands behind the prefix."""
    from wsapp.workers.options import EMBEDDED

    if options["broker"] is None or (options["broker"] == EMBEDDED and Inheritance.current is None):
        return None
    from wsapp.brokers.redis.address import Address
    from wsapp.brokers.redis.broker import AWAY, RedisBroker

    prefix = options["broker-prefix"]
    if not prefix or not prefix.isprintable() or " " in prefix:
        raise ValueError(f"--broker-prefix is {prefix!r}: it must be a word, such as chat")
    held = Inheritance.current
    url = options["broker"] if held is None or held.broker is None else held.broker
    address = named("broker", Address.fromURL, url)
    try:
        # txredisapi's own parser, which it falls back on, takes a turn of the reactor for each string.
        import hiredis
        import txredisapi
    except ImportError as error:
        raise ValueError(f"--broker needs {error.name}: pip install wsapp[redis]") from None
    del hiredis, txredisapi
    seconds = named("broker-away", parseSeconds, options["broker-away"])
    if not 1 <= seconds <= 86_400:
        raise ValueError(f"--broker-away is {seconds:g}: it must be from 1 to 86400 seconds")
    more.setdefault("away", AWAY._replace(seconds=seconds))
    return named("broker", partial(RedisBroker, reactor, address, prefix + below, **more))
