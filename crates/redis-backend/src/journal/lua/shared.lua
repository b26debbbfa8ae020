-- What all scripts of a journal begin with. KEYS of a shard: its log (a stream), what there is of
-- each user key (a hash), the shard's own state (a hash), its dead letters (a sorted set). The
-- last three hold something always, so that either all of them exist or none: a cluster that
-- moves their slot refuses scripts where some do.
local log, keys, meta, dead = KEYS[1], KEYS[2], KEYS[3], KEYS[4]

local function now()
  local time = redis.call('TIME')
  return time[1] * 1000 + math.floor(time[2] / 1000)
end

local function split(id)
  local millis, counter = string.match(id, '^(%d+)%-(%d+)$')
  return tonumber(millis), tonumber(counter)
end

-- An id as text that sorts as ids do.
local function sortable(id)
  return string.format('%013.0f-%07.0f', split(id))
end

-- A script that fails half-way has done the first half: what somebody put in the place of our keys
-- must be found before anything is written. Answers with how many writes wait.
local function check_types()
  redis.call('HLEN', keys)
  redis.call('ZCARD', dead)
  return redis.call('XLEN', log)
end

-- Takes entries off the log, and counts them.
local function take_off(...)
  local count = redis.call('XDEL', log, ...)
  if count > 0 then redis.call('HINCRBY', meta, 'removed', count) end
  return count
end

-- How many entries the log has ever had; nil before Redis 7.
local function ever_added()
  local facts = redis.call('XINFO', 'STREAM', log)
  for at = 1, #facts - 1, 2 do
    if facts[at] == 'entries-added' then return facts[at + 1] end
  end
end

-- Sees to it that the shard is there: 'there', 'begun' where it was not, or 'other' and the
-- number of shards with which the journal was made.
local function begin(shards)
  local found = redis.call('HGET', meta, 'shards')
  if found == shards then return 'there' end
  if found then return 'other', found end
  local waiting = check_types()
  redis.call('HSET', meta, 'shards', shards)
  redis.call('HSET', keys, '', '')
  redis.call('ZADD', dead, 0, '')
  if waiting == 0 then
    redis.call('XDEL', log, redis.call('XADD', log, '*', '', ''))
  end
  redis.call('HSET', meta, 'removed', (ever_added() or waiting) - waiting)
  return 'begun'
end

local function holds(token)
  local claim = redis.call('HMGET', meta, 'claim', 'until')
  return claim[1] == token and tonumber(claim[2]) > now()
end

-- A server that is out of memory refuses a script whose first write may need some, and lets one
-- pass that has begun: what takes off the journal must not be refused.
local function need_no_memory()
  redis.call('HDEL', meta, '')
end
