-- The cache's protocol: what is known of each record key, and which batch is writing it. One call is one operation on
-- the keys of one batch, and nothing else happens in Redis meanwhile.
--
-- Per record two keys. The watermark is the newest version that is known to be committed, a mark of 19 digits, a
-- colon and 22 characters (version, fingerprint of the content). The claim says which batch is writing it: 19
-- digits, a bar and a token. Versions are compared as text of one width: Lua's numbers are doubles, and take
-- different versions of 19 digits for equal.
--
-- Only `confirm` sets a watermark, so every watermark is a fact. Nothing but its expiry removes one: a rollback that
-- deleted it would forget an older commit. Foreign data counts as absent: it proves nothing.
--
-- KEYS  the watermark keys of n records, then, where claims are used, their n claim keys
-- ARGV  operation, token, lease of a claim in ms, life of a watermark in ms, and the n marks one after the other (as
--       arguments of their own they cost the client 0.5 us more a record; what they cost Redis is the same)
--
-- begin    one character a record: [s]tale, [b]usy, [f]resh, or fresh because there was [g]arbage
-- confirm  after the commit: watermark := the greater one; own claims end
-- release  own claims end (KEYS are the claim keys alone, and the marks are empty)

local operation, token, leaseMs, lifeMs = ARGV[1], ARGV[2], ARGV[3], ARGV[4]
local marks, markLength = ARGV[5], 42
local n = #marks / markLength
local hasClaims = #KEYS > n
local colon = string.byte(':')

local function markOf(i)
  return string.sub(marks, (i - 1) * markLength + 1, i * markLength)
end

local function isMark(text)
  return #text == markLength and string.byte(text, 20) == colon and string.find(text, '^%d+:[%w_-]+$')
end

local function isClaim(text)
  return #text > 20 and string.find(text, '^%d+|') and string.sub(text, 20, 20) == '|'
end

local function versionOf(text)
  return string.sub(text, 1, 19)
end

-- Meaningful where `watermark` is a mark. Most that are older are found out whole, before a version is cut out of either.
local function isNewer(watermark, mark)
  return watermark > mark and versionOf(watermark) > versionOf(mark)
end

local function tokenOf(claim)
  return string.sub(claim, 21)
end

local function isOwn(claim)
  return claim and isClaim(claim) and tokenOf(claim) == token
end

local function endClaims(keys)
  if #keys > 0 then redis.call('DEL', unpack(keys)) end
end

local function verdictOf(i, watermark, claim)
  local mark = markOf(i)
  local isFact = watermark and isMark(watermark)
  -- Equal versions of different content are for the database to decide: the fingerprint has no order.
  if isFact and (watermark == mark or isNewer(watermark, mark)) then return 's' end
  local isStrange = watermark and not isFact or claim and not isClaim(claim)
  if not hasClaims then return isStrange and 'g' or 'f' end
  local version = versionOf(mark)
  if claim and isClaim(claim) and tokenOf(claim) ~= token and versionOf(claim) >= version then return 'b' end
  redis.call('SET', KEYS[n + i], version .. '|' .. token, 'PX', leaseMs)
  return isStrange and 'g' or 'f'
end

local function begin()
  local stored = redis.call('MGET', unpack(KEYS))
  local verdicts = {}
  for i = 1, n do verdicts[i] = verdictOf(i, stored[i], stored[n + i]) end
  return table.concat(verdicts)
end

local function confirm()
  local stored = redis.call('MGET', unpack(KEYS))
  local own = {}
  for i = 1, n do
    local mark, watermark = markOf(i), stored[i]
    if not (watermark and isNewer(watermark, mark) and isMark(watermark)) then
      redis.call('SET', KEYS[i], mark, 'PX', lifeMs)
    end
    if isOwn(stored[n + i]) then own[#own + 1] = KEYS[n + i] end
  end
  endClaims(own)
  return n
end

local function release()
  local stored = redis.call('MGET', unpack(KEYS))
  local own = {}
  for i = 1, #KEYS do
    if isOwn(stored[i]) then own[#own + 1] = KEYS[i] end
  end
  endClaims(own)
  return #own
end

if operation == 'begin' then return begin() end
if operation == 'confirm' then return confirm() end
return release()
