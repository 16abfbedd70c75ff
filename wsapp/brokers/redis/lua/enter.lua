-- List a member of a channel, at the place that it has, or at the end.
-- KEYS: members, nodes, turn, the node's list.  ARGV: incarnation, the member's id, what is shown of it.
-- Returns: 1, or 0 if the node's lease has run out.
local time = redis.call('TIME')
local until_ = redis.call('ZSCORE', KEYS[2], ARGV[1])
if not until_ or tonumber(until_) < time[1] * 1000 + math.floor(time[2] / 1000) then return 0 end
local found = redis.call('HGET', KEYS[1], ARGV[2])
local turn, owner
if found then
  turn, owner = string.match(found, '^(%S+) (%S+)')
else
  turn = redis.call('INCR', KEYS[3])
end
redis.call('HSET', KEYS[1], ARGV[2], turn .. ' ' .. ARGV[1] .. ' ' .. ARGV[3])
if owner ~= ARGV[1] then
  redis.call('HINCRBY', KEYS[4], KEYS[1], 1)
end
return 1
