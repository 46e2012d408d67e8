-- wrk ... -s submit.lua URL -- FILE FIRST: posts line after line of FILE, from line FIRST on, each once.
local lines, at = {}, 0

function init(args)
  at = tonumber(args[2])
  for line in io.lines(args[1]) do lines[#lines + 1] = line end
  wrk.method = "POST"
  wrk.headers["Content-Type"] = "application/json"
end

function request()
  at = at + 1
  if at > #lines then
    io.stderr:write("all lines are used\n")
    os.exit(3)
  end
  return wrk.format(nil, nil, nil, lines[at])
end

function done(summary, latency, requests)
  io.write(string.format(
    'RESULT {"requests":%d,"seconds":%.6f,"refused":%d,"failed":%d,"p50_ms":%.2f,"p90_ms":%.2f,"p99_ms":%.2f,"max_ms":%.2f}\n',
    summary.requests, summary.duration / 1e6, summary.errors.status,
    summary.errors.connect + summary.errors.read + summary.errors.write + summary.errors.timeout,
    latency:percentile(50) / 1e3, latency:percentile(90) / 1e3, latency:percentile(99) / 1e3, latency.max / 1e3))
end
