-- How much there is: writes, the id of the oldest, dead letters, and the server's time.
local first = redis.call('XRANGE', log, '-', '+', 'COUNT', 1)[1]
local letters = math.max(redis.call('ZCARD', dead) - 1, 0)
return {'ok', redis.call('XLEN', log), first and first[1] or '', letters, now()}
