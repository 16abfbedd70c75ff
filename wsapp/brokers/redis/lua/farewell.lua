-- A node goes: nobody lists what is its any more, and who renews next clears it away.
-- KEYS: nodes.  ARGV: incarnation.
if redis.call('ZSCORE', KEYS[1], ARGV[1]) then
  redis.call('ZREM', KEYS[1], '') -- as in renew.lua
  redis.call('ZADD', KEYS[1], '0', ARGV[1])
end
return 1
