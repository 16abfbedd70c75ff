-- Append to a channel's stream, forget what is too old, tell who listens: all of it or nothing, and once.
--
-- KEYS: stream, place, sequence, origin.
-- ARGV: 1 the pub/sub channel   2 publisher   3 sequence   4 the lowest that the publisher has not been answered
--       5 payload   6 bytes of the message, or -1 if it is not to be kept as history
--       7-9 messages, bytes, milliseconds of history   10-12 the same of what is there for who was away
--       13 milliseconds that the sequence is remembered
-- Returns: epoch, offset, and 1 where somebody else had written there.  What the publisher repeats is not appended
-- again; the answer is then the channel's last place, which is no less than that of the first time.
--
-- The epoch is that of the stream and the server's boot: see hello.lua.
local stream, place = KEYS[1], KEYS[2]
local function text(number) return string.format('%.0f', number) end

local sequence = tonumber(ARGV[3])
local last = tonumber(redis.call('GET', KEYS[3]) or '0')
if sequence <= last then
  local at = redis.call('HMGET', place, 'epoch', 'boot', 'offset')
  return {at[1] and at[1] .. '.' .. at[2] or '', tonumber(at[3] or '0')}
end
-- One before it was refused, for want of memory perhaps, and comes again: not to be overtaken.
if sequence ~= last + 1 and sequence ~= tonumber(ARGV[4]) then
  return redis.error_reply('EARLY ' .. text(last) .. ' was the last')
end
local origin = redis.call('HMGET', KEYS[4], 'epoch', 'boot')
if not origin[1] then
  return redis.error_reply('FORGOTTEN the broker has been emptied')
end
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)

local found = redis.call('HMGET', place, 'epoch', 'boot', 'offset', 'bytes', 'kept', 'keptBytes',
  'messages', 'size', 'age', 'first', 'rest', 'passed', 'due')
local epoch, offset, bytes = found[1], tonumber(found[3] or '0'), tonumber(found[4] or '0')
local kept, keptBytes = tonumber(found[5] or '0'), tonumber(found[6] or '0')
local messages, size, age = tonumber(found[7] or '0'), tonumber(found[8] or '0'), tonumber(found[9] or '0')
-- Where this boot's epoch begins; bytes of what is no history; how far what is left is history.
local first, rest, passed = tonumber(found[10] or '1'), tonumber(found[11] or '0'), tonumber(found[12] or '0')
local before = offset
offset = offset + 1
if not epoch then
  epoch = origin[1] .. string.format('%x', time[1] * 1000000 + time[2])
  redis.call('DEL', stream)
elseif found[2] ~= origin[2] then
  first = offset
end
local weight = tonumber(ARGV[6])
if weight >= 0 then
  messages, size, age = tonumber(ARGV[7]), tonumber(ARGV[8]), tonumber(ARGV[9])
end

local notice
local function named() return epoch .. '.' .. origin[2] end
local function append()
  notice = table.concat({named(), text(offset), text(before), text(now), ARGV[2], ARGV[3]}, ' ') .. '\n' .. ARGV[5]
  return redis.pcall('XADD', stream, text(offset) .. '-0', 'n', notice, 'w', ARGV[6])
end
local added, strangers = append(), false
local said = added.err or ''
if string.find(said, 'equal or smaller', 1, true) or string.find(said, 'has exhausted', 1, true) then
  -- Somebody else has written there, under an id that comes after ours: ours go on behind it.  Ids cannot be
  -- set back, and what is too high for an offset (a double's 53 bits, and room) leaves only a new stream.
  strangers = true
  local top = redis.call('XREVRANGE', stream, '+', '-', 'COUNT', 1)[1]
  local high = top and tonumber(string.match(top[1], '^%d+'))
  for _, entry in ipairs(redis.call('XREVRANGE', stream, '+', '(' .. text(before) .. '-0', 'COUNT', 64)) do
    redis.call('XDEL', stream, entry[1])
  end
  if high and high < 4503599627370496 then
    offset = high + 1
    added = append()
  end
  if added.err then
    redis.call('DEL', stream)
    epoch = origin[1] .. string.format('%x', time[1] * 1000000 + time[2])
    offset, before, first, bytes, kept, keptBytes, rest, passed = 1, 0, 1, 0, 0, 0, 0, 0
    added = append()
  end
end
-- Any other error is raised as ever.
if added.err then redis.call('XADD', stream, text(offset) .. '-0', 'n', notice, 'w', ARGV[6]) end
bytes = bytes + #notice
if weight >= 0 then
  kept, keptBytes = kept + 1, keptBytes + weight
else
  rest = rest + #notice
end

-- From the oldest on, whatever neither history nor who was away has a claim to: history's may have others
-- between them, which are bounded by themselves.  What is old while nothing passes a bound is looked for now and
-- then only.  No more is done at once than does not hold up the others; the next one goes on with it.
local count = redis.call('XLEN', stream)
local mostMessages, mostBytes, oldest = tonumber(ARGV[10]), tonumber(ARGV[11]), now - tonumber(ARGV[12])
local behind, from, step, left, gone = false, '-', 1, 128, {}
local due = found[13] == '1' or offset % 16 == 0
local function over()
  if behind then return count - kept > mostMessages or rest > mostBytes end
  return count > mostMessages or bytes > mostBytes
end
while left > 0 and (due or over()) do
  local entries = redis.call('XRANGE', stream, from, '+', 'COUNT', math.min(step, left))
  if #entries == 0 then
    due = false
    break
  end
  left, step = left - #entries, math.min(step * 2, 64)
  for _, entry in ipairs(entries) do
    local fields = entry[2]
    -- What somebody else has written there has neither, and goes first.
    local its = tonumber(fields[4] or '') or -1
    local at = tonumber(string.match(fields[2], '^%S+ %S+ %S+ (%d+)') or '') or 0
    from = '(' .. entry[1]
    if not (over() or at < oldest) then
      left, due = 0, false
      break
    elseif its >= 0 and kept <= messages and keptBytes <= size and at > now - age then
      local here = tonumber(string.match(entry[1], '^%d+'))
      local known = not behind and passed > here
      behind, passed = true, math.max(passed, here)
      if known then
        from = '(' .. text(passed) .. '-0'
        break
      end
    else
      gone[#gone + 1] = entry[1]
      count, bytes = count - 1, bytes - #fields[2]
      if its >= 0 then
        kept, keptBytes = kept - 1, keptBytes - its
      else
        rest = rest - #fields[2]
      end
    end
  end
end
if #gone > 0 then redis.call('XDEL', stream, unpack(gone)) end
if kept <= 0 then age = 0 end

redis.call('HSET', place, 'epoch', epoch, 'boot', origin[2], 'offset', text(offset), 'bytes', text(bytes),
  'kept', text(kept), 'keptBytes', text(keptBytes), 'messages', text(messages), 'size', text(size),
  'age', text(age), 'first', text(first), 'rest', text(rest), 'passed', text(passed),
  'due', due and '1' or '0')
local live = math.max(tonumber(ARGV[12]), age)
redis.call('PEXPIRE', stream, text(live))
redis.call('PEXPIRE', place, text(live))
redis.call('SET', KEYS[3], ARGV[3], 'PX', ARGV[13])
redis.call('PUBLISH', ARGV[1], notice)
if strangers then return {named(), offset, 1} end
return {named(), offset}
