-- A node has connected: tell it which memory this broker has.
-- KEYS: origin.  ARGV: a random epoch, the server's run id.  Returns: epoch, boot.
--
-- The epoch is written where there is none: a broker that has forgotten everything gets another.  The boot
-- is counted up once for each start of the server, so that offsets given out before a crash, and lost in it,
-- are never given out again.
redis.call('HSETNX', KEYS[1], 'epoch', ARGV[1])
if redis.call('HGET', KEYS[1], 'run') ~= ARGV[2] then
  redis.call('HSET', KEYS[1], 'run', ARGV[2])
  redis.call('HINCRBY', KEYS[1], 'boot', 1)
end
return redis.call('HMGET', KEYS[1], 'epoch', 'boot')
