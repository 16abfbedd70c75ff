-- What a follower has missed of a channel.
-- KEYS: stream, place.  ARGV: the epoch and offset it has, at most so many notices, and about so many bytes.
-- Returns: epoch and offset of the channel's last, then notices from the follower's place on, oldest first; where
-- there is no such place, from the first that is there.  No epoch: nothing is known of the channel.
local at = redis.call('HMGET', KEYS[2], 'epoch', 'boot', 'offset', 'first')
if not at[1] then return {'', 0} end
local epoch, last = at[1] .. '.' .. at[2], tonumber(at[3])
local result = {epoch, last}
local from = 0
local line, number = string.match(ARGV[1], '^(%x+)%.(%d+)')
if ARGV[1] == epoch then
  from = tonumber(ARGV[2])
elseif line == at[1] then
  -- The same stream, as another start of the server goes on with it: from 'first' on.
  local its = tonumber(string.match(at[2], '^%d+'))
  if tonumber(number) > its then
    from = last -- the server has come back with what it had before the follower's epoch
  elseif tonumber(number) == its then
    from = tonumber(at[4]) - 1 -- it has, and has gone on since
  else
    from = math.min(tonumber(ARGV[2]), tonumber(at[4]) - 1)
  end
end
local left, bytes = tonumber(ARGV[3]), tonumber(ARGV[4])
while left > 0 and bytes > 0 do
  local step = math.min(left, 16)
  local entries = redis.call('XRANGE', KEYS[1], string.format('%.0f-0', from + 1), '+', 'COUNT', step)
  for _, entry in ipairs(entries) do
    result[#result + 1] = entry[2][2]
    bytes = bytes - #entry[2][2]
    from = tonumber(string.match(entry[1], '^%d+'))
    if bytes <= 0 then break end
  end
  left = left - step
  if #entries < step then break end
end
return result
