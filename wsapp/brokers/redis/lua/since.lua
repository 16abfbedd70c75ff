-- What a follower has missed of a channel.
-- KEYS: stream, place.  ARGV: the epoch and offset it has, at most so many notices, and about so many bytes.
-- Returns: epoch and offset of the channel's last, then notices from the follower's place on, oldest first; in
-- another epoch than its own, from the first that is there.  No epoch: nothing is known of the channel.
local at = redis.call('HMGET', KEYS[2], 'epoch', 'offset')
if not at[1] then return {'', 0} end
local result = {at[1], tonumber(at[2])}
local from = at[1] == ARGV[1] and tonumber(ARGV[2]) or 0
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
