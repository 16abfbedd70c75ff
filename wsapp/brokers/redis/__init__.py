"""The broker over Redis or Valkey: :class:`~wsapp.brokers.redis.broker.RedisBroker`."""

from __future__ import annotations
