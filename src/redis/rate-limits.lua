-- Counts requests of clients in windows of a fixed length; one call for many clients.
--
--   KEYS  one a client
--   ARGV  two a key: how many requests to add, the length of a window in ms
--
-- Answers two integers a key: how many requests its window has now, and in how many ms the window ends. A key lives as
-- long as its window, which begins with the first request.

local answer = {}
for i, key in ipairs(KEYS) do
  local used = redis.call('INCRBY', key, ARGV[2 * i - 1])
  local left = redis.call('PTTL', key)
  if left < 0 then
    left = tonumber(ARGV[2 * i])
    redis.call('PEXPIRE', key, left)
  end
  answer[2 * i - 1] = used
  answer[2 * i] = left
end
return answer
