-- Dead letters, the oldest first. ARGV: the sortable id behind which to begin, or empty; how many.
local from = ARGV[1] == '' and '(' or '[' .. ARGV[1] .. '!'
return {'ok', redis.call('ZRANGEBYLEX', dead, from, '+', 'LIMIT', 0, ARGV[2])}
