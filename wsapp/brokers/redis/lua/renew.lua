-- A node says that it is there, and buries one that has not said so in time.
-- KEYS: nodes, turn.  ARGV: incarnation, milliseconds of lease, whether it begins, what stands before the names of
-- the nodes' lists.  Returns: 1, or 2 if there is more to bury, or 0 if the lease has run out (or was never there):
-- another incarnation is due.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
if ARGV[3] ~= '1' then
  local until_ = redis.call('ZSCORE', KEYS[1], ARGV[1])
  if not until_ or tonumber(until_) < now then return 0 end
end
-- Removing nothing: a script that has begun to write may go on when there is no memory left.  A node is there
-- all the same then.
redis.call('ZREM', KEYS[1], '')
redis.call('ZADD', KEYS[1], string.format('%.0f', now + tonumber(ARGV[2])), ARGV[1])
local dead = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', string.format('(%.0f', now), 'LIMIT', 0, 1)[1]
if not dead then return 1 end

-- No more at once than does not hold up the others: its list remembers, under an empty name, where to go on.
local list, looked = ARGV[4] .. dead, 0
local function clear(channel, cursor)
  repeat
    local found = redis.call('HSCAN', channel, cursor, 'COUNT', 500)
    local members = found[2]
    for place = 1, #members, 2 do
      if string.match(members[place + 1], '^%S+ (%S+)') == dead then
        redis.call('HDEL', channel, members[place])
      end
    end
    cursor, looked = found[1], looked + 10 + #members
  until cursor == '0' or looked > 5000
  if cursor == '0' then
    redis.call('HDEL', list, channel, '')
  else
    redis.call('HSET', list, '', cursor .. ' ' .. channel)
  end
end
local stopped = redis.call('HGET', list, '')
if stopped then
  local cursor, channel = string.match(stopped, '^(%d+) (.*)$')
  clear(channel, cursor)
end
local channels = redis.call('HSCAN', list, '0', 'COUNT', 100)[2]
for index = 1, #channels, 2 do
  if looked > 5000 then break end
  if channels[index] ~= '' then clear(channels[index], '0') end
end
if redis.call('EXISTS', list) == 0 then
  redis.call('ZREM', KEYS[1], dead)
  return 1
end
return 2
