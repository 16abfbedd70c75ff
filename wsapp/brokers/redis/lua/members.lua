-- Who is in a channel, of the nodes whose lease has not run out.
-- KEYS: members, nodes.  Returns: the turn in which each came, its id, and what is shown of it, one after another.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local alive, result = {}, {}
local all = redis.call('HGETALL', KEYS[1])
for index = 1, #all, 2 do
  local turn, node, shown = string.match(all[index + 1], '^(%S+) (%S+) (.*)$')
  if alive[node] == nil then
    local until_ = redis.call('ZSCORE', KEYS[2], node)
    alive[node] = until_ and tonumber(until_) >= now or false
  end
  if alive[node] then
    result[#result + 1] = turn
    result[#result + 1] = all[index]
    result[#result + 1] = shown
  end
end
return result
