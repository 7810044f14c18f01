-- GET of one path, each request with the next token of a file.
--     wrk ... -s requests.lua URL -- FILE FIRST
local requests, place = {}, 0

function init(args)
  for token in io.lines(args[1]) do
    requests[#requests + 1] = wrk.format("GET", nil, { Authorization = "Bearer " .. token, Host = "api" })
  end
  place = tonumber(args[2]) % #requests
end

function request()
  place = place % #requests + 1
  return requests[place]
end

function done(summary)
  local errors = summary.errors
  io.write(string.format('\n{"requests":%d,"seconds":%.6f,"refused":%d,"broken":%d}\n', summary.requests,
    summary.duration / 1e6, errors.status, errors.connect + errors.read + errors.write + errors.timeout))
end
