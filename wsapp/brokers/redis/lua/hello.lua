-- A node has connected: tell it which memory this broker has.
-- KEYS: origin.  ARGV: a random epoch, the server's run id, a random word, a pub/sub channel that nobody needs.
-- Returns: the epoch.
--
-- The epoch is written where there is none: a broker that has forgotten everything gets another.  The boot
-- is another for each start of the server: a number, which is one more than in what the server has loaded, and a
-- word, for it may load the same twice.  It is in the epoch of what is published, so that offsets given out
-- before a crash, and lost in it, mean something else when they are given out again.

-- Removing nothing: a script that has begun to write may go on when there is no memory left.
redis.call('HDEL', KEYS[1], '')
-- What publish.lua does last must not be the first to be refused.
redis.call('PUBLISH', ARGV[4], '')
redis.call('HSETNX', KEYS[1], 'epoch', ARGV[1])
if redis.call('HGET', KEYS[1], 'run') ~= ARGV[2] then
  local number = tonumber(string.match(redis.call('HGET', KEYS[1], 'boot') or '', '^%d+') or '0')
  redis.call('HSET', KEYS[1], 'run', ARGV[2], 'boot', string.format('%.0f-%s', number + 1, ARGV[3]))
end
return redis.call('HGET', KEYS[1], 'epoch')
