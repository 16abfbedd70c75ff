-- What was published after a place, as far as it is kept as history: all of it, or the answer that it is not there.
-- KEYS: stream, place.  ARGV: epoch, offset.  Returns: notices, oldest first; or nothing where one is missing.
--
-- From the last one back, each tells the offset of the one before it: so whatever is gone is noticed.
local found = redis.call('HMGET', KEYS[2], 'epoch', 'boot', 'offset', 'messages', 'size', 'age')
local epoch, since = ARGV[1], tonumber(ARGV[2])
if not found[1] then return false end
local expected, messages, left = tonumber(found[3]), tonumber(found[4] or '0'), tonumber(found[5] or '0')
local time = redis.call('TIME')
local oldest = time[1] * 1000 + math.floor(time[2] / 1000) - tonumber(found[6] or '0')
-- Where the place itself is not there any more, the one after it has to be of its epoch.
local same = epoch == found[1] or epoch == found[1] .. '.' .. found[2]
local newest, result, last, met = {}, {}, '+', false
while expected >= since and not met do
  local entries = redis.call('XREVRANGE', KEYS[1], last, string.format('%.0f-0', math.max(since, 0)), 'COUNT', 64)
  if #entries == 0 then break end
  for _, entry in ipairs(entries) do
    local notice, weight = entry[2][2], tonumber(entry[2][4] or '')
    local its, offset, before, at = string.match(notice, '^(%S+) (%d+) (%d+) (%d+)')
    if weight and at then
      if tonumber(offset) ~= expected then return false end
      same = its == epoch
      if expected == since then
        met = true
        break
      end
      expected = tonumber(before)
      if weight >= 0 then
        left = left - weight
        if left < 0 or #newest == messages or tonumber(at) <= oldest then return false end
        newest[#newest + 1] = notice
      end
    end
    last = '(' .. entry[1]
  end
end
if expected ~= since or not same then return false end
for index = #newest, 1, -1 do
  result[#result + 1] = newest[index]
end
return result
