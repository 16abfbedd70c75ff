-- The last messages that a channel keeps.
-- KEYS: stream, place.  ARGV: at most so many.  Returns: their notices, oldest first.
local found = redis.call('HMGET', KEYS[2], 'messages', 'size', 'age', 'kept')
local most = math.min(tonumber(ARGV[1]), tonumber(found[1] or '0'), tonumber(found[4] or '0'))
local left, oldest = tonumber(found[2] or '0'), 0
if found[3] then
  local time = redis.call('TIME')
  oldest = time[1] * 1000 + math.floor(time[2] / 1000) - tonumber(found[3])
end
local newest, result, last = {}, {}, '+'
while #newest < most do
  local step = math.min(most - #newest, 64)
  local entries = redis.call('XREVRANGE', KEYS[1], last, '-', 'COUNT', step)
  local ended = #entries < step
  for _, entry in ipairs(entries) do
    local notice, weight = entry[2][2], tonumber(entry[2][4] or '')
    local at = tonumber(string.match(notice, '^%S+ %S+ %S+ (%d+)') or '')
    if weight and at and weight >= 0 then
      left = left - weight
      if left < 0 or at <= oldest then
        ended = true
        break
      end
      newest[#newest + 1] = notice
    end
    last = '(' .. entry[1]
  end
  if ended then break end
end
for index = #newest, 1, -1 do
  result[#result + 1] = newest[index]
end
return result
