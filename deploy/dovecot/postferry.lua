-- Dovecot asks postferry who may sign in (passdb), where their mail is (userdb), and where a message is delivered.
-- postferry.conf, of 2.3 or of 2.4, loads this file and says where postferry is.
--
-- There are three kinds of answer: yes, no, could not ask. Whatever is not clearly one of the first two is the third:
-- the mail client then shows "try again", nobody is asked to retype a password, no fail2ban counts it.

local json = require("cjson.safe")

local CONNECT_LIMIT_SECONDS = 5
-- An old server has 20 s for a login and postferry 40 s for its answer; Dovecot gives a worker up after 60 s.
local CLIENT_LIMIT_SECONDS = 45
local ANSWER_LIMIT_BYTES = 65536
-- Everybody's addresses: some 30 bytes each.
local LIST_LIMIT_BYTES = 256 * 1024 * 1024

local auth = dovecot.auth
local PASSDB_RESULT = {
  ok = auth.PASSDB_RESULT_OK,
  mismatch = auth.PASSDB_RESULT_PASSWORD_MISMATCH,
  disabled = auth.PASSDB_RESULT_USER_DISABLED,
  expired = auth.PASSDB_RESULT_PASS_EXPIRED,
  tempfail = auth.PASSDB_RESULT_INTERNAL_FAILURE,
}

local token
local call

-- Dovecot 2.4 hands its lua_settings to script_init; 2.3 hands over nothing, and its import_environment is read.
local given
local function setting(name)
  return given and given[name] or os.getenv(name)
end

-- Read when it is first needed: Dovecot may start before postferry has made the file.
local function read_token()
  local file, cause = io.open(setting("POSTFERRY_AUTH_TOKEN_FILE") or "")
  if not file then
    return nil, "POSTFERRY_AUTH_TOKEN_FILE: " .. cause
  end
  local content = file:read("a") or ""
  file:close()
  return content:match("^%s*(.-)%s*$")
end

-- Dovecot 2.3 calls the limits otherwise, and counts milliseconds without saying so.
local function client_options(limit)
  local options = { [given and "request_max_attempts" or "max_attempts"] = 1 }
  local limits = {
    connect_timeout = CONNECT_LIMIT_SECONDS,
    -- Ends a silence, and the connection with it.
    request_timeout = limit,
    -- Ends an answer that drips in for ever, but leaves its connection open: so it comes second.
    request_absolute_timeout = limit * 1.2,
  }
  for name, seconds in pairs(limits) do
    local milliseconds = math.floor(seconds * 1000)
    if given then
      options[name] = milliseconds .. "ms"
    else
      options[name .. "_msecs"] = milliseconds
    end
  end
  return options
end

-- Each way to postferry is a function(path, body) that returns status and body of the answer, or nil and the cause.
-- Without a body it is a GET.
local function over_tcp(url, limit)
  local client = dovecot.http.client(client_options(limit))
  return function(path, body)
    local cause
    if token == nil then
      token, cause = read_token()
    end
    if token == nil then
      return nil, cause
    end
    local request = client:request({ url = url .. path, method = body and "POST" or "GET" })
    request:add_header("Authorization", "Bearer " .. token)
    -- Dovecot would ask again on a connection that is still stuck in an answer given up.
    request:add_header("Connection", "close")
    if body then
      request:add_header("Content-Type", "application/json")
      request:set_payload(body)
    end
    local response = request:submit()
    -- Dovecot counts its own failures (refused, timed out) from 9000 on.
    if response:status() >= 9000 then
      return nil, response:reason()
    end
    return response:status(), response:payload()
  end
end

-- HTTP/1.0: the answer ends where the connection does.
local function exchange(connection, socket, question, limit_bytes)
  assert(connection:connect(socket))
  assert(connection:send(question))
  local too_long, cause, answer = connection:receive(limit_bytes)
  assert(not too_long, "the answer is too long")
  assert(cause == "closed", cause)
  return answer
end

local function over_socket(socket, limit)
  local unix = require("socket.unix")
  return function(path, body)
    local question = { (body and "POST " or "GET ") .. path .. " HTTP/1.0", "Host: localhost" }
    if body then
      table.insert(question, "Content-Type: application/json")
      table.insert(question, "Content-Length: " .. #body)
    end
    local text = table.concat(question, "\r\n") .. "\r\n\r\n" .. (body or "")
    local connection = unix.stream()
    connection:settimeout(limit, "t")
    local limit_bytes = body and ANSWER_LIMIT_BYTES or LIST_LIMIT_BYTES
    local answered, answer = pcall(exchange, connection, socket, text, limit_bytes)
    connection:close()
    if not answered then
      return nil, tostring(answer)
    end
    local status, content = answer:match("^HTTP/1%.[01] (%d%d%d).-\r\n\r\n(.*)$")
    return tonumber(status), content or "the answer is not HTTP"
  end
end

-- Returns what postferry answered as a table, or nil and the cause.
local function ask(path, question)
  local status, content = call(path, json.encode(question))
  if not status then
    return nil, content
  end
  local answer = json.decode(content or "")
  if type(answer) ~= "table" then
    answer = {}
  end
  -- The auth token may have been renewed: read it again next time.
  if status == 403 and answer.verdict == nil then
    token = nil
  end
  return answer, "HTTP status " .. status .. " without an answer"
end

-- Dovecot's extra fields are strings; postferry sends nothing else.
local function all_strings(fields)
  if type(fields) ~= "table" then
    return false
  end
  for key, value in pairs(fields) do
    if type(key) ~= "string" or type(value) ~= "string" then
      return false
    end
  end
  return true
end

-- JSON carries nothing but UTF-8. postferry refuses any other password just so.
local function carried(text)
  return utf8.len(text) ~= nil and not text:find("\0", 1, true)
end

function auth_password_verify(req, password)
  if not (carried(req.user) and carried(password)) then
    return PASSDB_RESULT.mismatch, "not UTF-8"
  end
  local answer, cause = ask("/v1/passdb", {
    username = req.user,
    password = password,
    service = req.protocol or req.service,
    -- The person's client, as a webmail or proxy says that Dovecot trusts. Dovecot's own real_rip is who connects.
    real_rip = req.remote_ip or req.rip,
    session = req.session,
    secured = req.secured ~= nil and req.secured ~= "",
  })
  local verdict = answer and answer.verdict
  local result = PASSDB_RESULT[verdict or "none"]
  if result == nil then
    return PASSDB_RESULT.tempfail, "postferry: " .. cause
  end
  if verdict == "tempfail" then
    return result, "postferry: could not ask, code " .. tostring(answer.code)
  end
  if verdict ~= "ok" then
    return result, verdict
  end
  if type(answer.user) ~= "string" or answer.user == "" or not all_strings(answer.fields) then
    return PASSDB_RESULT.tempfail, "postferry: ok without user or with fields that are not strings"
  end
  answer.fields.user = answer.user
  -- postferry says it in the words of Dovecot 2.3.
  local format = answer.fields.userdb_pop3_uidl_format
  if given and format then
    format = format:gsub("%%v", "%%{uidvalidity}"):gsub("%%u", "%%{uid}")
    answer.fields.userdb_pop3_uidl_format = format
  end
  return result, answer.fields
end

-- Where a message is delivered (LMTP, with lmtp_proxy = yes): by the old server for whoever has not signed in here yet.
-- What is not found here is looked up in the userdb, and delivered or refused.
--
-- The answer says "no password needed". So it is for LMTP alone, which lets nobody in: never for somebody who signs in, be
-- it without a password (EXTERNAL), with one that is not sent (CRAM-MD5) or with another's (a master user), and never for
-- doveadm.
function auth_passdb_lookup(req)
  local is_sign_in = (req.mech or req.mechanism or "") ~= ""
  if is_sign_in or (req.protocol or req.service) ~= "lmtp" or not carried(req.user) then
    return auth.PASSDB_RESULT_USER_UNKNOWN, "without a password postferry tells LMTP alone"
  end
  local answer, cause = ask("/v1/delivery", { username = req.user })
  if answer and answer.found == false then
    return auth.PASSDB_RESULT_USER_UNKNOWN, "not known to postferry"
  end
  if not (answer and answer.found == true and all_strings(answer.fields)) then
    return PASSDB_RESULT.tempfail, "postferry: " .. cause
  end
  if answer.fields.proxy == nil then
    return auth.PASSDB_RESULT_USER_UNKNOWN, "delivered here"
  end
  answer.fields.nopassword = "y"
  return PASSDB_RESULT.ok, answer.fields
end

function auth_userdb_lookup(req)
  if not carried(req.user) then
    return auth.USERDB_RESULT_USER_UNKNOWN, "not UTF-8"
  end
  local answer, cause = ask("/v1/userdb", { username = req.user })
  if answer and answer.found == false then
    return auth.USERDB_RESULT_USER_UNKNOWN, "not known to postferry"
  end
  if answer and answer.found == true and all_strings(answer.fields) then
    return auth.USERDB_RESULT_OK, answer.fields
  end
  return auth.USERDB_RESULT_INTERNAL_FAILURE, "postferry: " .. cause
end

-- Everybody who has an account: for doveadm with -A or a pattern. What is not a whole list is none.
function auth_userdb_iterate()
  local status, content = call("/v1/userdb")
  local names = status == 200 and json.decode(content)
  if status == 403 then
    token = nil
  end
  if type(names) ~= "table" then
    error("postferry: " .. (status and "HTTP status " .. status .. " without a whole list" or content))
  end
  return names
end

function script_init(lua_settings)
  given = lua_settings
  local limit = tonumber(setting("POSTFERRY_CLIENT_LIMIT_SECONDS")) or CLIENT_LIMIT_SECONDS
  local socket = setting("POSTFERRY_SOCKET")
  local url = setting("POSTFERRY_URL") or "http://127.0.0.1:8025"
  call = socket and over_socket(socket, limit) or over_tcp(url:gsub("/+$", ""), limit)
  return 0
end

function script_deinit()
end
