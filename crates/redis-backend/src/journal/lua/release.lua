-- Ends a claim. ARGV: the token.
if redis.call('HGET', meta, 'claim') ~= ARGV[1] then return {'superseded'} end
redis.call('HDEL', meta, 'claim', 'until')
return {'ok'}
