-- Prolongs a claim. ARGV: the token; for how many milliseconds from now.
if not holds(ARGV[1]) then return {'superseded'} end
need_no_memory()
redis.call('HSET', meta, 'until', string.format('%.0f', now() + ARGV[2]))
return {'ok'}
