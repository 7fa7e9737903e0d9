-- Renew a lease on the fleet's limit and report how the server did: one atomic step in Redis.
-- KEYS: leases, circuit. ARGV: one JSON object, times in ms:
--   holder                           who renews
--   limit, held, wanted              slots: of the fleet, that it uses, that it could use
--   lease, grace                     how long a lease lasts; how long newcomers wait after a flush
--   new, leaving                     whether this is its first renewal, its last
--   ok, failed, retry_after, chance  answers since the last renewal; a number from 0 to 1
--   failures, quiet, open, longest_open, probe   when a circuit opens, for how long, and how long a probe may take
-- Leases are a hash of holder → "slots wanted expiry began less", and "@since" → when it began; times are the server's,
-- in ms ("began", which orders the holders, in µs). "less" is 1 where it wanted more before, and no more since: its work
-- comes to its end.
-- Returns the slots it may use, its due share, how many holders there are, ms until the circuit closes (0: closed),
-- 1 if it is the probe, and 1 if more may be free soon.

local leases, circuit, said = KEYS[1], KEYS[2], cjson.decode(ARGV[1])
local me, limit, held, wanted = said.holder, said.limit, said.held, said.wanted
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)

-- The circuit: fields streak, first (failure of the streak), till, times, probe, probed.
local ok, failed, asked = said.ok, said.failed, said.retry_after
local state = redis.call('HMGET', circuit, 'streak', 'first', 'till', 'times', 'probe', 'probed')
local streak, first, till = tonumber(state[1] or 0), tonumber(state[2] or now), tonumber(state[3] or 0)
local times, probe, probed = tonumber(state[4] or 0), state[5], tonumber(state[6] or 0)
local stored = state[1] or state[3]
local probing = probe == me and now < probed
if ok > 0 and now >= till then
  streak, first, till, times, probe = 0, now, 0, 0, false
elseif failed > 0 and ok == 0 then
  if streak == 0 then first = now end
  streak = streak + failed
  if (probing and till > 0) or (till == 0 and streak >= said.failures and now - first >= said.quiet) then
    till = now + math.min(said.open * 2 ^ times, said.longest_open) * (0.75 + 0.5 * said.chance)
    times, probe = times + 1, false
  end
end
if asked > 0 then till, probe = math.max(till, now + asked), false end
till = math.floor(till)
local wait, mine = 0, 0
if till > 0 then
  if now < till then
    wait = till - now
  elseif not probe or probe == me or now >= probed then
    if wanted == 0 or said.leaving then
      probe, wait = false, 1
    else
      if probe ~= me then probed = now + said.probe end
      probe, mine, wait = me, 1, 1
    end
  else
    wait = math.max(1, probed - now)
  end
end
if streak > 0 or till > 0 then
  redis.call('HSET', circuit, 'streak', streak, 'first', first, 'till', till, 'times', times, 'probed', probed)
  if probe then redis.call('HSET', circuit, 'probe', probe) else redis.call('HDEL', circuit, 'probe') end
  redis.call('PEXPIRE', circuit, math.max(till - now, 0) + 600000)
elseif stored then
  redis.call('DEL', circuit)
end

-- The shares fall evenly from who has been at work longest (of 64 slots, four holders get 25, 19, 13, 7), so pages do not
-- end, and are written, all at once. Where there are more holders than slots, the oldest get one each.
local since = tonumber(redis.call('HGET', leases, '@since'))
if not since then
  since = now
  redis.call('HSET', leases, '@since', now)
end
local flat, holders, taken = redis.call('HGETALL', leases), {}, 0
local own, less, ending = {name = me, want = wanted, began = clock[1] * 1000000 + clock[2]}, 0, false
for i = 1, #flat, 2 do
  local name = flat[i]
  if name ~= '@since' then
    local slots, want, expiry, began, fewer = string.match(flat[i + 1], '(%d+) (%d+) (%d+) ?(%d*) ?(%d*)')
    if name == me then
      if not said.new then own.began = tonumber(began) or 0 end
      if wanted < tonumber(want) then less = 1 elseif wanted == tonumber(want) then less = tonumber(fewer) or 0 end
    elseif tonumber(expiry) <= now then
      redis.call('HDEL', leases, name)
    else
      holders[#holders + 1] = {name = name, want = tonumber(want), began = tonumber(began) or 0}
      taken = taken + tonumber(slots)
      ending = ending or (fewer == '1' and tonumber(want) > 0)
    end
  end
end
holders[#holders + 1] = own
table.sort(holders, function(one, other)
  if one.began ~= other.began then return one.began < other.began end
  return one.name < other.name
end)
local left, hungry = limit, 0
for _, one in ipairs(holders) do
  if one.want > 0 then hungry = hungry + 1 end
end
for _, one in ipairs(holders) do
  one.due = 0
  if one.want > 0 then
    one.due = math.min(one.want, left, math.max(1, math.floor(2 * left / (hungry + 1))))
    left, hungry = left - one.due, hungry - 1
  end
end
for _, one in ipairs(holders) do
  local more = math.min(left, one.want - one.due)
  one.due, left = one.due + more, left - more
end
local due = own.due
-- A new or flushed Redis does not know yet who holds what, so newcomers wait until everyone has had time to renew.
if held == 0 and now - since < said.grace then due = 0 end
local use = said.leaving and 0 or math.max(0, math.min(due, limit - taken))
if said.leaving then
  if held == 0 then
    redis.call('HDEL', leases, me)
    return {0, 0, #holders, wait, mine, 0}
  end
  wanted = 0
end
local kept = {math.max(use, held), wanted, now + said.lease, own.began, less}
redis.call('HSET', leases, me, string.format('%d %d %d %d %d', unpack(kept)))
return {use, due, #holders, wait, mine, (use < due or ending) and 1 or 0}
