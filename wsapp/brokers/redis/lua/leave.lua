-- Take a member of this node off a channel's list.
-- KEYS: members, the node's list.  ARGV: incarnation, the member's id.
local found = redis.call('HGET', KEYS[1], ARGV[2])
if found and string.match(found, '^%S+ (%S+)') == ARGV[1] then
  redis.call('HDEL', KEYS[1], ARGV[2])
  if redis.call('HINCRBY', KEYS[2], KEYS[1], -1) <= 0 then
    redis.call('HDEL', KEYS[2], KEYS[1])
  end
end
return 1
