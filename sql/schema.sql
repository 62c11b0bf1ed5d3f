-- The schema that all upgrades make together, for reading: nothing runs this file, and a test holds it to the upgrades.
-- "npm run schema" writes it.

CREATE OR REPLACE FUNCTION public.list_key(address text)
 RETURNS text
 LANGUAGE sql
 IMMUTABLE PARALLEL SAFE STRICT
AS $function$
  select (translate(
    regexp_replace(regexp_replace(address, '(\d+)', '00000000000000\1', 'g'), '\d*(\d{15})', '\1', 'g'), '@', ' '
  ) || ' ' || address) collate "C"
$function$;

CREATE TABLE upgrade (
    number integer NOT NULL,
    name text NOT NULL,
    sha256 text NOT NULL,
    applied_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT upgrade_pkey PRIMARY KEY (number)
);

CREATE TABLE provider (
    id integer GENERATED ALWAYS AS IDENTITY NOT NULL,
    name text NOT NULL,
    host text NOT NULL,
    port integer NOT NULL,
    tls text NOT NULL,
    ca_file text,
    fingerprint text,
    max_connections integer NOT NULL,
    login_name text NOT NULL,
    cutover text NOT NULL,
    include text[] DEFAULT '{}'::text[] NOT NULL,
    exclude text[] DEFAULT '{}'::text[] NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    refusal text,
    forwards_client boolean DEFAULT false NOT NULL,
    reopens boolean DEFAULT false NOT NULL,
    window_from text,
    window_until text,
    window_zone text,
    after_refusal text DEFAULT 'admit'::text NOT NULL,
    copy_connections integer,
    tested_at timestamp with time zone,
    test_failed text,
    mx text,
    mx_port integer DEFAULT 25 NOT NULL,
    mx_tls text DEFAULT 'verified'::text NOT NULL,
    engine text DEFAULT 'auto'::text NOT NULL,
    tls_min text DEFAULT '1.2'::text NOT NULL,
    master_name text,
    master_login text DEFAULT 'user*master'::text NOT NULL,
    flip text DEFAULT 'auto'::text NOT NULL,
    pop3_port integer,
    sieve_port integer,
    roles text DEFAULT 'keep'::text NOT NULL,
    filters text DEFAULT 'carry'::text NOT NULL,
    daily_bytes bigint,
    login_addresses integer DEFAULT 1 NOT NULL,
    pop3_uidl text DEFAULT 'dovecot'::text NOT NULL,
    is_gone boolean DEFAULT false NOT NULL,
    CONSTRAINT provider_pkey PRIMARY KEY (id),
    CONSTRAINT provider_name_key UNIQUE (name),
    CONSTRAINT provider_after_refusal_check CHECK (after_refusal = ANY (ARRAY['admit'::text, 'refuse'::text])),
    CONSTRAINT provider_check CHECK (num_nulls(window_from, window_until, window_zone) = ANY (ARRAY[0, 3])),
    CONSTRAINT provider_check1 CHECK (window_from <> window_until),
    CONSTRAINT provider_check2 CHECK (test_failed IS NULL OR tested_at IS NOT NULL),
    CONSTRAINT provider_copy_connections_check CHECK (copy_connections >= 1),
    CONSTRAINT provider_cutover_check CHECK (cutover = ANY (ARRAY['immediate'::text, 'proxied'::text])),
    CONSTRAINT provider_daily_bytes_check CHECK (daily_bytes > 0),
    CONSTRAINT provider_engine_check CHECK (engine = ANY (ARRAY['auto'::text, 'offlineimap'::text, 'doveadm'::text])),
    CONSTRAINT provider_filters_check CHECK (filters = ANY (ARRAY['carry'::text, 'leave'::text])),
    CONSTRAINT provider_fingerprint_check CHECK (fingerprint ~ '^[0-9a-f]{64}$'::text),
    CONSTRAINT provider_flip_check CHECK (flip = ANY (ARRAY['auto'::text, 'window'::text, 'manual'::text])),
    CONSTRAINT provider_login_addresses_check CHECK (login_addresses >= 1 AND login_addresses <= 256),
    CONSTRAINT provider_login_name_check CHECK (login_name = ANY (ARRAY['%u'::text, '%n'::text])),
    CONSTRAINT provider_master_login_check CHECK (master_login = ANY (ARRAY['user*master'::text, 'user%master'::text, 'authzid'::text])),
    CONSTRAINT provider_max_connections_check CHECK (max_connections >= 1),
    CONSTRAINT provider_mx_port_check CHECK (mx_port >= 1 AND mx_port <= 65535),
    CONSTRAINT provider_mx_tls_check CHECK (mx_tls = ANY (ARRAY['verified'::text, 'encrypted'::text, 'none'::text])),
    CONSTRAINT provider_pop3_port_check CHECK (pop3_port >= 1 AND pop3_port <= 65535),
    CONSTRAINT provider_pop3_uidl_check CHECK (pop3_uidl = ANY (ARRAY['dovecot'::text, 'cyrus'::text, 'uid'::text])),
    CONSTRAINT provider_port_check CHECK (port >= 1 AND port <= 65535),
    CONSTRAINT provider_roles_check CHECK (roles = ANY (ARRAY['keep'::text, 'map'::text])),
    CONSTRAINT provider_sieve_port_check CHECK (sieve_port >= 1 AND sieve_port <= 65535),
    CONSTRAINT provider_tls_check CHECK (tls = ANY (ARRAY['implicit'::text, 'starttls'::text, 'none'::text])),
    CONSTRAINT provider_tls_min_check CHECK (tls_min = ANY (ARRAY['1.0'::text, '1.1'::text, '1.2'::text, '1.3'::text])),
    CONSTRAINT provider_window_from_check CHECK (window_from ~ '^([01][0-9]|2[0-3]):[0-5][0-9]$'::text),
    CONSTRAINT provider_window_until_check CHECK (window_until ~ '^([01][0-9]|2[0-3]):[0-5][0-9]$'::text)
);

CREATE TABLE domain (
    name text NOT NULL,
    provider_id integer NOT NULL,
    new_domain text NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    is_closed boolean DEFAULT false NOT NULL,
    CONSTRAINT domain_pkey PRIMARY KEY (name),
    CONSTRAINT domain_provider_id_fkey FOREIGN KEY (provider_id) REFERENCES provider(id)
);

CREATE INDEX domain_new_domain ON domain USING btree (new_domain);

CREATE INDEX domain_provider ON domain USING btree (provider_id);

CREATE TABLE account (
    id bigint GENERATED ALWAYS AS IDENTITY NOT NULL,
    address text NOT NULL,
    password_hash text NOT NULL,
    password_source text NOT NULL,
    home text NOT NULL,
    quota_bytes bigint,
    enabled boolean DEFAULT true NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    password_changed_at timestamp with time zone DEFAULT now() NOT NULL,
    list_key text COLLATE "C" GENERATED ALWAYS AS (list_key(address)) STORED,
    namespace_prefix text,
    namespace_separator text,
    kept_uidl text,
    CONSTRAINT account_pkey PRIMARY KEY (id),
    CONSTRAINT account_address_key UNIQUE (address),
    CONSTRAINT account_id_address_key UNIQUE (id, address),
    CONSTRAINT account_check CHECK ((namespace_prefix IS NULL) = (namespace_separator IS NULL)),
    CONSTRAINT account_namespace_separator_check CHECK (length(namespace_separator) = 1),
    CONSTRAINT account_password_source_check CHECK (password_source = ANY (ARRAY['source'::text, 'destination'::text])),
    CONSTRAINT account_quota_bytes_check CHECK (quota_bytes > 0)
);

CREATE INDEX account_domain ON account USING btree (split_part(address, '@'::text, 2));

CREATE INDEX account_list ON account USING btree (list_key);

CREATE TABLE migration (
    id bigint GENERATED ALWAYS AS IDENTITY NOT NULL,
    account_id bigint,
    provider_id integer NOT NULL,
    old_domain text NOT NULL,
    old_username text NOT NULL,
    state text NOT NULL,
    paused_from text,
    code text,
    route text NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    changed_at timestamp with time zone DEFAULT now() NOT NULL,
    address text NOT NULL,
    home text,
    finish_requested_at timestamp with time zone,
    is_double boolean DEFAULT false NOT NULL,
    quota_bytes bigint,
    flip_requested_at timestamp with time zone,
    flipped_at timestamp with time zone,
    list_key text COLLATE "C" GENERATED ALWAYS AS (list_key(address)) STORED,
    return_requested_at timestamp with time zone,
    returned_at timestamp with time zone,
    search_text text GENERATED ALWAYS AS (lower(address ||
CASE
    WHEN old_username = address THEN ''::text
    ELSE ' '::text || old_username
END)) STORED,
    filters_left_at timestamp with time zone,
    CONSTRAINT migration_pkey PRIMARY KEY (id),
    CONSTRAINT migration_account_id_key UNIQUE (account_id),
    CONSTRAINT migration_address_key UNIQUE (address),
    CONSTRAINT migration_check CHECK ((state = 'paused'::text) = (paused_from IS NOT NULL)),
    CONSTRAINT migration_check1 CHECK (account_id IS NOT NULL OR home IS NOT NULL OR (state = ANY (ARRAY['awaited'::text, 'done'::text])) OR COALESCE(paused_from = 'awaited'::text, false)),
    CONSTRAINT migration_check2 CHECK (finish_requested_at IS NULL OR (state = ANY (ARRAY['pending'::text, 'synced'::text, 'failed'::text]))),
    CONSTRAINT migration_paused_from_check CHECK (paused_from = ANY (ARRAY['awaited'::text, 'pending'::text, 'synced'::text, 'failed'::text])),
    CONSTRAINT migration_quota_bytes_check CHECK (quota_bytes > 0),
    CONSTRAINT migration_route_check CHECK (route = ANY (ARRAY['source'::text, 'held'::text, 'destination'::text])),
    CONSTRAINT migration_state_check CHECK (state = ANY (ARRAY['awaited'::text, 'pending'::text, 'synced'::text, 'paused'::text, 'failed'::text, 'done'::text])),
    CONSTRAINT migration_account_id_address_fkey FOREIGN KEY (account_id, address) REFERENCES account(id, address) ON UPDATE CASCADE ON DELETE CASCADE,
    CONSTRAINT migration_provider_id_fkey FOREIGN KEY (provider_id) REFERENCES provider(id)
);

CREATE INDEX migration_changed ON migration USING btree (changed_at, list_key);

CREATE INDEX migration_code ON migration USING btree (COALESCE(code, ''::text), list_key);

CREATE INDEX migration_finish_requested ON migration USING btree (list_key) WHERE finish_requested_at IS NOT NULL;

CREATE INDEX migration_flipped ON migration USING btree (flipped_at) WHERE flipped_at IS NOT NULL;

CREATE INDEX migration_list ON migration USING btree (list_key);

CREATE UNIQUE INDEX migration_mailbox ON migration USING btree (provider_id, old_username) WHERE state <> 'done'::text AND NOT is_double;

CREATE INDEX migration_old_domain ON migration USING btree (old_domain, list_key);

CREATE INDEX migration_provider ON migration USING btree (provider_id, list_key);

CREATE INDEX migration_route ON migration USING btree (route, list_key) WHERE route <> 'destination'::text;

CREATE INDEX migration_state ON migration USING btree (state, list_key);

CREATE TABLE credential (
    migration_id bigint NOT NULL,
    sealed bytea NOT NULL,
    sealed_at timestamp with time zone DEFAULT now() NOT NULL,
    sealed_to text[],
    opened_at timestamp with time zone,
    opened_by text,
    CONSTRAINT credential_pkey PRIMARY KEY (migration_id),
    CONSTRAINT credential_migration_id_fkey FOREIGN KEY (migration_id) REFERENCES migration(id) ON DELETE CASCADE
) WITH (fillfactor=70);

CREATE UNLOGGED TABLE failed_sign_in (
    key text NOT NULL,
    points integer DEFAULT 0 NOT NULL,
    expire bigint,
    CONSTRAINT failed_sign_in_pkey PRIMARY KEY (key)
);

CREATE INDEX failed_sign_in_expire ON failed_sign_in USING btree (expire);

CREATE TABLE audit (
    id bigint GENERATED ALWAYS AS IDENTITY NOT NULL,
    at timestamp with time zone DEFAULT now() NOT NULL,
    actor text NOT NULL,
    action text NOT NULL,
    subject text NOT NULL,
    reason text,
    detail text,
    CONSTRAINT audit_pkey PRIMARY KEY (id)
);

CREATE INDEX audit_action ON audit USING btree (action, id);

CREATE INDEX audit_actor ON audit USING btree (actor, id);

CREATE INDEX audit_at ON audit USING btree (at);

CREATE INDEX audit_subject ON audit USING btree (subject, id);

CREATE TABLE migration_transition (
    migration_id bigint NOT NULL,
    at timestamp with time zone DEFAULT now() NOT NULL,
    from_state text,
    to_state text NOT NULL,
    code text,
    CONSTRAINT migration_transition_migration_id_fkey FOREIGN KEY (migration_id) REFERENCES migration(id) ON DELETE CASCADE
);

CREATE INDEX migration_transition_at ON migration_transition USING btree (at);

CREATE INDEX migration_transition_migration ON migration_transition USING btree (migration_id);

CREATE TABLE ledger (
    migration_id bigint NOT NULL,
    taken_at timestamp with time zone NOT NULL,
    seconds real NOT NULL,
    code text,
    clean_at timestamp with time zone,
    fetched bigint NOT NULL,
    CONSTRAINT ledger_pkey PRIMARY KEY (migration_id),
    CONSTRAINT ledger_code_check CHECK (code = ANY (ARRAY['differs'::text, 'lost'::text, 'shrunk'::text])),
    CONSTRAINT ledger_migration_id_fkey FOREIGN KEY (migration_id) REFERENCES migration(id) ON DELETE CASCADE
);

CREATE INDEX ledger_code ON ledger USING btree (code);

CREATE INDEX ledger_taken ON ledger USING btree (taken_at);

CREATE TABLE ledger_folder (
    migration_id bigint NOT NULL,
    name text NOT NULL,
    directory text NOT NULL,
    state text NOT NULL,
    remark text,
    messages integer NOT NULL,
    proved integer NOT NULL,
    extra integer NOT NULL,
    duplicated integer NOT NULL,
    counts jsonb NOT NULL,
    uid_validity bigint,
    proved_uids text NOT NULL,
    accepted_uids text NOT NULL,
    accepted_unlisted integer DEFAULT 0 NOT NULL,
    lost_uids text DEFAULT ''::text NOT NULL,
    CONSTRAINT ledger_folder_pkey PRIMARY KEY (migration_id, name),
    CONSTRAINT ledger_folder_state_check CHECK (state = ANY (ARRAY['there'::text, 'missing'::text, 'unreadable'::text, 'renamed'::text, 'removed'::text])),
    CONSTRAINT ledger_folder_migration_id_fkey FOREIGN KEY (migration_id) REFERENCES ledger(migration_id) ON DELETE CASCADE
);

CREATE TABLE ledger_difference (
    migration_id bigint NOT NULL,
    number integer NOT NULL,
    kind text NOT NULL,
    folder text NOT NULL,
    uid bigint,
    message_id text NOT NULL,
    date timestamp with time zone,
    size bigint NOT NULL,
    old text NOT NULL,
    now text NOT NULL,
    CONSTRAINT ledger_difference_pkey PRIMARY KEY (migration_id, number),
    CONSTRAINT ledger_difference_migration_id_fkey FOREIGN KEY (migration_id) REFERENCES ledger(migration_id) ON DELETE CASCADE
);

CREATE TABLE attempt (
    id bigint GENERATED ALWAYS AS IDENTITY NOT NULL,
    migration_id bigint NOT NULL,
    host text NOT NULL,
    started_at timestamp with time zone DEFAULT now() NOT NULL,
    ended_at timestamp with time zone,
    outcome text,
    folders integer DEFAULT 0 NOT NULL,
    messages integer DEFAULT 0 NOT NULL,
    output text DEFAULT ''::text NOT NULL,
    progress jsonb,
    CONSTRAINT attempt_pkey PRIMARY KEY (id),
    CONSTRAINT attempt_check CHECK ((ended_at IS NULL) = (outcome IS NULL)),
    CONSTRAINT attempt_migration_id_fkey FOREIGN KEY (migration_id) REFERENCES migration(id) ON DELETE CASCADE
);

CREATE INDEX attempt_ended ON attempt USING btree (ended_at);

CREATE INDEX attempt_migration ON attempt USING btree (migration_id, id);

CREATE TABLE job (
    migration_id bigint NOT NULL,
    due_at timestamp with time zone DEFAULT 'infinity'::timestamp with time zone NOT NULL,
    copying_host_id text,
    holder uuid,
    leased_until timestamp with time zone,
    failures integer DEFAULT 0 NOT NULL,
    unchanged_runs integer DEFAULT 0 NOT NULL,
    seen jsonb,
    completed_at timestamp with time zone,
    claimed_at timestamp with time zone,
    provider_id integer NOT NULL,
    is_for_any_host boolean DEFAULT false NOT NULL,
    flip_begun_at timestamp with time zone,
    flips_cut_off integer DEFAULT 0 NOT NULL,
    CONSTRAINT job_pkey PRIMARY KEY (migration_id),
    CONSTRAINT job_check CHECK ((holder IS NULL) = (leased_until IS NULL)),
    CONSTRAINT job_migration_id_fkey FOREIGN KEY (migration_id) REFERENCES migration(id) ON DELETE CASCADE
) WITH (fillfactor=70, autovacuum_vacuum_scale_factor=0.02);

CREATE INDEX job_due ON job USING btree (provider_id, copying_host_id, due_at) WHERE due_at < 'infinity'::timestamp with time zone;

CREATE INDEX job_for_any_host ON job USING btree (provider_id, due_at) WHERE is_for_any_host AND due_at < 'infinity'::timestamp with time zone;

CREATE INDEX job_leased ON job USING btree (provider_id) WHERE holder IS NOT NULL;

CREATE TABLE administrator (
    name text NOT NULL,
    role text NOT NULL,
    password_hash text NOT NULL,
    totp_sealed bytea,
    totp_last_step bigint,
    session_stamp uuid DEFAULT gen_random_uuid() NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    signed_in_at timestamp with time zone,
    CONSTRAINT administrator_pkey PRIMARY KEY (name),
    CONSTRAINT administrator_name_check CHECK (name ~ '^[a-z0-9._@-]{1,64}$'::text),
    CONSTRAINT administrator_role_check CHECK (role = ANY (ARRAY['viewer'::text, 'operator'::text, 'owner'::text]))
);

CREATE TABLE copying_host (
    id text NOT NULL,
    host text NOT NULL,
    folder text NOT NULL,
    seen_at timestamp with time zone DEFAULT now() NOT NULL,
    engine text,
    engine_why text,
    cannot_flip text,
    CONSTRAINT copying_host_pkey PRIMARY KEY (id)
);

CREATE INDEX copying_host_folder ON copying_host USING btree (host, folder);

CREATE TABLE worker (
    id uuid NOT NULL,
    copying_host_id text NOT NULL,
    alive_until timestamp with time zone NOT NULL,
    CONSTRAINT worker_pkey PRIMARY KEY (id)
);

CREATE INDEX worker_copying_host ON worker USING btree (copying_host_id);

CREATE TABLE collision (
    address text NOT NULL,
    provider_id integer NOT NULL,
    old_domain text NOT NULL,
    old_username text NOT NULL,
    home text NOT NULL,
    at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT collision_pkey PRIMARY KEY (address, provider_id, old_username),
    CONSTRAINT collision_provider_id_fkey FOREIGN KEY (provider_id) REFERENCES provider(id) ON DELETE CASCADE
);

CREATE INDEX collision_at ON collision USING btree (at);

CREATE TABLE home (
    path text NOT NULL,
    address text NOT NULL,
    CONSTRAINT home_pkey PRIMARY KEY (path)
);

CREATE TABLE visit (
    digest text NOT NULL,
    seen_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT visit_pkey PRIMARY KEY (digest)
);

CREATE INDEX visit_seen_at ON visit USING btree (seen_at);

CREATE TABLE connection_share (
    provider_id integer NOT NULL,
    holder uuid NOT NULL,
    use text NOT NULL,
    held integer NOT NULL,
    wanted integer NOT NULL,
    served_at timestamp with time zone,
    leased_until timestamp with time zone NOT NULL,
    CONSTRAINT connection_share_pkey PRIMARY KEY (provider_id, holder, use),
    CONSTRAINT connection_share_use_check CHECK (use = ANY (ARRAY['sign-in'::text, 'copying'::text])),
    CONSTRAINT connection_share_provider_id_fkey FOREIGN KEY (provider_id) REFERENCES provider(id) ON DELETE CASCADE
) WITH (fillfactor=50);

CREATE TABLE retired_recipient (
    recipient text NOT NULL,
    retired_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT retired_recipient_pkey PRIMARY KEY (recipient)
);

CREATE TABLE instance (
    id uuid NOT NULL,
    host text NOT NULL,
    seals_to text[] NOT NULL,
    seen_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT instance_pkey PRIMARY KEY (id)
);

CREATE TABLE retention (
    what text NOT NULL,
    days integer NOT NULL,
    looked_at timestamp with time zone DEFAULT now() NOT NULL,
    erased bigint DEFAULT 0 NOT NULL,
    CONSTRAINT retention_pkey PRIMARY KEY (what),
    CONSTRAINT retention_days_check CHECK (days >= 0),
    CONSTRAINT retention_what_check CHECK (what = ANY (ARRAY['audit'::text, 'attempts'::text, 'steps'::text, 'ledgers'::text, 'credentials'::text]))
);

CREATE TABLE account_password (
    id bigint GENERATED ALWAYS AS IDENTITY NOT NULL,
    account_id bigint NOT NULL,
    password_hash text NOT NULL,
    is_confirmed boolean DEFAULT false NOT NULL,
    CONSTRAINT account_password_pkey PRIMARY KEY (id),
    CONSTRAINT account_password_account_id_fkey FOREIGN KEY (account_id) REFERENCES account(id) ON DELETE CASCADE
);

CREATE INDEX account_password_account ON account_password USING btree (account_id, id);

CREATE TABLE alias (
    address text NOT NULL,
    target text NOT NULL,
    list_key text COLLATE "C" GENERATED ALWAYS AS (list_key(address)) STORED,
    CONSTRAINT alias_pkey PRIMARY KEY (address, target),
    CONSTRAINT alias_check CHECK (address <> target)
);

CREATE INDEX alias_domain ON alias USING btree (split_part(address, '@'::text, 2));

CREATE INDEX alias_list ON alias USING btree (list_key);

CREATE TABLE only_at_source (
    address text NOT NULL,
    messages bigint NOT NULL,
    first_at timestamp with time zone DEFAULT now() NOT NULL,
    last_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT only_at_source_pkey PRIMARY KEY (address),
    CONSTRAINT only_at_source_messages_check CHECK (messages > 0)
);

CREATE INDEX only_at_source_last ON only_at_source USING btree (last_at);

CREATE TABLE flip (
    migration_id bigint NOT NULL,
    hold uuid DEFAULT gen_random_uuid() NOT NULL,
    step text DEFAULT 'held'::text NOT NULL,
    begun_at timestamp with time zone DEFAULT now() NOT NULL,
    held_until timestamp with time zone NOT NULL,
    is_return boolean DEFAULT false NOT NULL,
    CONSTRAINT flip_pkey PRIMARY KEY (migration_id),
    CONSTRAINT flip_hold_key UNIQUE (hold),
    CONSTRAINT flip_step_check CHECK (step = ANY (ARRAY['held'::text, 'moving'::text, 'back'::text, 'landed'::text])),
    CONSTRAINT flip_migration_id_fkey FOREIGN KEY (migration_id) REFERENCES migration(id) ON DELETE CASCADE
);

CREATE TABLE hold_confirmed (
    hold uuid NOT NULL,
    instance_id uuid NOT NULL,
    CONSTRAINT hold_confirmed_pkey PRIMARY KEY (hold, instance_id),
    CONSTRAINT hold_confirmed_hold_fkey FOREIGN KEY (hold) REFERENCES flip(hold) ON DELETE CASCADE
);

CREATE TABLE copied_total (
    provider_id integer NOT NULL,
    engine text NOT NULL,
    messages bigint NOT NULL,
    bytes bigint NOT NULL,
    CONSTRAINT copied_total_pkey PRIMARY KEY (provider_id, engine),
    CONSTRAINT copied_total_engine_check CHECK (engine = ANY (ARRAY['offlineimap'::text, 'doveadm'::text])),
    CONSTRAINT copied_total_provider_id_fkey FOREIGN KEY (provider_id) REFERENCES provider(id) ON DELETE CASCADE
) WITH (fillfactor=50);

CREATE TABLE source_bytes (
    migration_id bigint NOT NULL,
    day date NOT NULL,
    bytes bigint NOT NULL,
    CONSTRAINT source_bytes_pkey PRIMARY KEY (migration_id),
    CONSTRAINT source_bytes_bytes_check CHECK (bytes >= 0),
    CONSTRAINT source_bytes_migration_id_fkey FOREIGN KEY (migration_id) REFERENCES migration(id) ON DELETE CASCADE
);

-- The functions use each other in any order.
SET check_function_bodies = off;

CREATE OR REPLACE FUNCTION public.claim_job(provider_name text, wanted bigint, worker uuid, worker_host text, copying_host_id text, takes_over boolean, early boolean, until timestamp with time zone, lease interval)
 RETURNS TABLE(migration_id bigint, address text, home text, quota_bytes bigint, state text, code text, is_finish_requested boolean, is_proved boolean, provider jsonb, sealed bytea, failures integer, unchanged_runs integer, seen jsonb, completed_at timestamp with time zone, has_copied boolean, overruled text)
 LANGUAGE plpgsql
 SET plan_cache_mode TO 'force_generic_plan'
AS $function$
#variable_conflict use_column
declare
  candidate bigint;
  former_host text;
  is_claimed boolean := false;
begin
  for candidate in
    select wanted where wanted is not null
    union all (
      select due.migration_id from provider cross join lateral due_jobs(
          provider.id, claim_job.copying_host_id, takes_over, until, 32
        ) as due
        where wanted is null and provider.name = provider_name order by due.due_at
    )
  loop
    -- It may have been claimed since, and may have ended.
    select job.copying_host_id into former_host
      from job join migration on migration.id = job.migration_id join provider on provider.id = job.provider_id
      where job.migration_id = candidate and migration.state in ('pending', 'synced') and is_free(job)
        and is_for(job, provider, claim_job.copying_host_id, takes_over, early, until)
      for update of job skip locked;
    is_claimed := found;
    exit when is_claimed;
  end loop;
  if not is_claimed then return; end if;
  -- A job that is claimed early is due now too, so that later requests can be told from it.
  update job set holder = worker, leased_until = now() + lease, copying_host_id = claim_job.copying_host_id,
      is_for_any_host = false, claimed_at = clock_timestamp(), due_at = least(due_at, now())
    where migration_id = candidate;
  update credential set opened_at = now(), opened_by = 'sync on ' || worker_host where migration_id = candidate;
  -- The attempt of a worker that died.
  update attempt set ended_at = now(), outcome = 'lost-lock' where migration_id = candidate and ended_at is null;
  return query select candidate, migration.address, coalesce(account.home, migration.home), account.quota_bytes,
      migration.state, migration.code, migration.finish_requested_at is not null,
      ledger.migration_id is not null and ledger.code is null, to_jsonb(provider), credential.sealed, job.failures,
      job.unchanged_runs, job.seen, job.completed_at,
      job.completed_at is not null or exists (
        select from attempt where attempt.migration_id = candidate and attempt.messages > 0),
      -- Who takes over knows that the copying state is elsewhere, and who retries knows what stopped the migration.
      case when former_host <> claim_job.copying_host_id then 'state-lost' else (
        select nullif(outcome, 'complete') from attempt where attempt.migration_id = candidate
          and outcome in ('complete', 'old-recreated', 'old-shrunk', 'state-lost')
          order by attempt.id desc limit 1) end
    from job join migration on migration.id = job.migration_id join provider on provider.id = job.provider_id
      left join account on account.id = migration.account_id left join credential using (migration_id)
      left join ledger on ledger.migration_id = job.migration_id
    where job.migration_id = candidate;
end $function$;

CREATE OR REPLACE FUNCTION public.copying_limit(provider provider)
 RETURNS integer
 LANGUAGE sql
 IMMUTABLE
AS $function$
  select least(coalesce(provider.copy_connections, provider.max_connections),
    greatest(1, provider.max_connections - greatest(1, ceil(provider.max_connections / 4.0)::int)))
$function$;

CREATE OR REPLACE FUNCTION public.due_jobs(provider_id integer, copying_host_id text, takes_over boolean, until timestamp with time zone, few integer)
 RETURNS SETOF job
 LANGUAGE sql
 STABLE
AS $function$
  (select * from job
    where job.provider_id = due_jobs.provider_id and job.copying_host_id = due_jobs.copying_host_id
      and due_at < 'infinity' and due_at <= until and is_free(job)
    order by due_at limit few)
  union all
  (select * from job
    where job.provider_id = due_jobs.provider_id and job.copying_host_id is null
      and due_at < 'infinity' and due_at <= until and is_free(job)
    -- Without the first column the planner would sort what the index has in order.
    order by copying_host_id, due_at limit few)
  union all
  (select * from job
    where job.provider_id = due_jobs.provider_id and job.copying_host_id <> due_jobs.copying_host_id
      and is_for_any_host and due_at < 'infinity' and due_at <= until and is_free(job)
    order by due_at limit few)
  union all
  select theirs.* from copying_host as other cross join lateral (
    select * from job
      where job.provider_id = due_jobs.provider_id and job.copying_host_id = other.id
        and not is_for_any_host and due_at < 'infinity' and due_at <= until and is_free(job)
      order by due_at limit few
  ) as theirs
    where takes_over and other.id <> due_jobs.copying_host_id and not is_served(other.id)
$function$;

CREATE OR REPLACE FUNCTION public.follow_changed_migrations()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
begin
  execute $query$
    with changed as (
      select id, before.state as from_state, later.state as to_state, later.code from later join before using (id)
        where before.state <> later.state
    ), kept as (
      insert into migration_transition (migration_id, from_state, to_state, code)
        select id, from_state, to_state, code from changed
    ), locked as materialized (
      select migration_id, to_state in ('pending', 'synced') as is_active
        from job join changed on migration_id = id
        where (from_state in ('pending', 'synced')) <> (to_state in ('pending', 'synced'))
        order by migration_id for update of job
    ), moved as (
      update job set due_at = case when is_active then now() else 'infinity' end, failures = 0, unchanged_runs = 0
        from locked where job.migration_id = locked.migration_id
    )
    select pg_notify('postferry_jobs', '') where exists (select from locked where is_active)
  $query$;
  return null;
end $function$;

CREATE OR REPLACE FUNCTION public.follow_made_migrations()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
begin
  insert into migration_transition (migration_id, to_state, code) select id, state, code from made;
  insert into job (migration_id, provider_id, due_at)
    select id, provider_id, case when state in ('pending', 'synced') then now() else 'infinity' end from made;
  if exists (select from made where state in ('pending', 'synced')) then perform pg_notify('postferry_jobs', ''); end if;
  return null;
end $function$;

CREATE OR REPLACE FUNCTION public.forget_account()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
begin
  perform pg_notify('postferry_forget', old.address);
  return null;
end $function$;

CREATE OR REPLACE FUNCTION public.forget_all()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
begin
  perform pg_notify('postferry_forget', '');
  return null;
end $function$;

CREATE OR REPLACE FUNCTION public.forget_migration()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
begin
  perform pg_notify('postferry_forget', address) from account where id = old.account_id;
  return null;
end $function$;

CREATE OR REPLACE FUNCTION public.forget_when_awaited()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
begin
  if exists (select from made where account_id is null) then
    perform pg_notify('postferry_forget', '');
  end if;
  return null;
end $function$;

CREATE OR REPLACE FUNCTION public.is_abandoned(copying_host_id text)
 RETURNS boolean
 LANGUAGE sql
 STABLE
AS $function$
  select not exists (
    select from copying_host where id = is_abandoned.copying_host_id and seen_at > now() - interval '1 hour'
  )
$function$;

CREATE OR REPLACE FUNCTION public.is_for(job job, provider provider, copying_host_id text, takes_over boolean, early boolean, until timestamp with time zone)
 RETURNS boolean
 LANGUAGE sql
 STABLE
AS $function$
  select (early or job.due_at <= until and is_open(provider, now()))
    and (job.copying_host_id is null or job.copying_host_id = is_for.copying_host_id or job.is_for_any_host
      or takes_over and not is_served(job.copying_host_id))
$function$;

CREATE OR REPLACE FUNCTION public.is_free(job job)
 RETURNS boolean
 LANGUAGE sql
 STABLE
AS $function$
  select job.leased_until is null or job.leased_until < now()
$function$;

CREATE OR REPLACE FUNCTION public.is_open(provider provider, moment timestamp with time zone)
 RETURNS boolean
 LANGUAGE sql
 STABLE
AS $function$
  select provider.window_from is null or case
    when provider.window_from < provider.window_until
      then (moment at time zone provider.window_zone)::time >= provider.window_from::time
        and (moment at time zone provider.window_zone)::time < provider.window_until::time
    else (moment at time zone provider.window_zone)::time >= provider.window_from::time
      or (moment at time zone provider.window_zone)::time < provider.window_until::time end
$function$;

CREATE OR REPLACE FUNCTION public.is_served(copying_host_id text)
 RETURNS boolean
 LANGUAGE sql
 STABLE
AS $function$
  select exists (
    select from worker where worker.copying_host_id = is_served.copying_host_id and alive_until > now()
  )
$function$;

CREATE OR REPLACE FUNCTION public.keep_home()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
begin
  if tg_op <> 'INSERT' then
    delete from home where path = old.home and home.address = old.address
      and not exists (select from account where account.address = old.address and account.home = old.home)
      and not exists (select from migration where migration.address = old.address and migration.home = old.home);
  end if;
  if tg_op <> 'DELETE' then
    insert into home (path, address) select new.home, new.address where new.home is not null
      and not exists (select from home where path = new.home and home.address = new.address);
  end if;
  return null;
end $function$;

CREATE OR REPLACE FUNCTION public.moving_of(migration_id bigint)
 RETURNS TABLE(route text, is_flip_requested boolean, has_account boolean, is_just_flipped boolean, is_return_requested boolean, is_returned boolean, has_own_password boolean, are_filters_left boolean, is_return boolean, hold uuid, step text, cut_off integer, is_open boolean)
 LANGUAGE sql
AS $function$
  select route, flip_requested_at is not null, account_id is not null,
      coalesce(flipped_at > now() - interval '1 hour', false), return_requested_at is not null, returned_at is not null,
      coalesce(password_source = 'destination', false), filters_left_at is not null, is_return, hold, step,
      case when flip_begun_at is not null then flips_cut_off + 1 end, is_open(provider, now())
    from migration join job on job.migration_id = migration.id join provider on provider.id = migration.provider_id
      left join account on account.id = account_id left join flip on flip.migration_id = migration.id
    where migration.id = moving_of.migration_id
$function$;

CREATE OR REPLACE FUNCTION public.next_providers(copying_host_id text, takes_over boolean, until timestamp with time zone)
 RETURNS TABLE(name text)
 LANGUAGE plpgsql
 STABLE
 SET plan_cache_mode TO 'force_generic_plan'
AS $function$
begin
  return query select provider.name from provider
      cross join lateral (
        select count(*) as leases from job where job.provider_id = provider.id and holder is not null and not is_free(job)
      ) as busy
      cross join lateral (
        select min(due_at) as due_at from due_jobs(
          provider.id, next_providers.copying_host_id, takes_over, next_providers.until, 1
        )
      ) as next
    where is_open(provider, now()) and leases < copying_limit(provider) and next.due_at is not null
    order by leases::float / copying_limit(provider), next.due_at limit 8;
end $function$;

CREATE OR REPLACE FUNCTION public.refuse_retired_key()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
begin
  if new.sealed_to <@ array(select recipient from retired_recipient) and cardinality(new.sealed_to) > 0 then
    raise exception 'this host seals to a retired key: %', array_to_string(new.sealed_to, ', ') using errcode = 'MF001';
  end if;
  return new;
end
$function$;

CREATE OR REPLACE FUNCTION public.release_job(wanted bigint, worker uuid, planned_failures integer, planned_runs integer, wait_ms double precision, seen_now jsonb)
 RETURNS boolean
 LANGUAGE plpgsql
 SET plan_cache_mode TO 'force_generic_plan'
AS $function$
declare
  is_active boolean;
  is_asked_for boolean;
begin
  -- Locked before the job, as by all transitions.
  select state in ('pending', 'synced') into is_active from migration where id = wanted for update;
  select coalesce(due_at > claimed_at, false) into is_asked_for
    from job where migration_id = wanted and holder = worker for update;
  if not found then return false; end if;
  update job set holder = null, leased_until = null,
      failures = case when is_asked_for then 0 else planned_failures end,
      unchanged_runs = case when is_asked_for then 0 else planned_runs end,
      due_at = case when not is_active then 'infinity' when is_asked_for then now()
        else now() + wait_ms * interval '1 millisecond' end,
      seen = coalesce(seen_now, seen),
      completed_at = case when seen_now is null then completed_at else now() end
    where migration_id = wanted;
  return true;
end $function$;

CREATE OR REPLACE FUNCTION public.share_connections(provider_name text, me uuid, my_use text, keep integer, want integer, lease interval)
 RETURNS TABLE(may integer, excess integer, most integer)
 LANGUAGE plpgsql
AS $function$
declare
  seats record;
  others record;
  pool integer;
  mine integer;
begin
  select id, max_connections as most, copying_limit(provider) as copying into seats
    from provider where name = provider_name;
  if not found then return; end if;
  -- "mfpr"
  perform pg_advisory_xact_lock(x'6d667072'::int, seats.id);
  delete from connection_share
    where provider_id = seats.id and (leased_until < clock_timestamp()
      or keep + want = 0 and holder = me and use = my_use);
  if keep + want = 0 then return query select 0, 0, seats.most; return; end if;
  insert into connection_share as share (provider_id, holder, use, held, wanted, leased_until)
    values (seats.id, me, my_use, keep, greatest(keep, want), clock_timestamp() + lease)
    on conflict (provider_id, holder, use) do update
      set held = excluded.held, wanted = excluded.wanted, leased_until = excluded.leased_until;
  select coalesce(sum(held), 0)::int as held,
      coalesce(sum(held) filter (where use = 'copying'), 0)::int as copying,
      coalesce(bool_or(use = 'sign-in' and wanted > held), false) as sign_ins_wait
    into others from connection_share where provider_id = seats.id;
  pool := case when my_use = 'sign-in' then seats.most - others.copying
    when others.sign_ins_wait then 0 else seats.copying end;
  -- By turns, one at a time, the first to whoever has waited longest for one.
  select count(*)::int into mine from (
    select holder from connection_share as share
        cross join lateral generate_series(1, least(share.wanted, pool)) as round
      where provider_id = seats.id and use = my_use
      order by round, served_at nulls first, holder limit greatest(0, pool)
  ) as dealt where holder = me;
  mine := greatest(0, least(mine, want, seats.most - others.held + keep,
    case when my_use = 'copying' then seats.copying - others.copying + keep end));
  update connection_share
    set held = greatest(keep, mine), served_at = case when mine > keep then clock_timestamp() else served_at end
    where provider_id = seats.id and holder = me and use = my_use;
  return query select mine, case when my_use = 'copying'
    then greatest(0, others.copying - seats.most + others.sign_ins_wait::int) else 0 end, seats.most;
end $function$;

CREATE TRIGGER account_changed AFTER UPDATE OF address, password_hash, password_source, home, quota_bytes, enabled ON account FOR EACH ROW WHEN (old.address IS DISTINCT FROM new.address OR old.password_hash IS DISTINCT FROM new.password_hash OR old.password_source IS DISTINCT FROM new.password_source OR old.home IS DISTINCT FROM new.home OR old.quota_bytes IS DISTINCT FROM new.quota_bytes OR old.enabled IS DISTINCT FROM new.enabled) EXECUTE FUNCTION forget_account();

CREATE CONSTRAINT TRIGGER account_home AFTER INSERT OR DELETE OR UPDATE OF home, address ON account DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION keep_home();

CREATE TRIGGER account_removed AFTER DELETE ON account FOR EACH ROW EXECUTE FUNCTION forget_account();

CREATE TRIGGER retired_key BEFORE INSERT OR UPDATE OF sealed, sealed_to ON credential FOR EACH ROW EXECUTE FUNCTION refuse_retired_key();

CREATE TRIGGER domain_changed AFTER INSERT OR DELETE OR UPDATE ON domain FOR EACH STATEMENT EXECUTE FUNCTION forget_all();

CREATE TRIGGER migration_awaited AFTER INSERT ON migration REFERENCING NEW TABLE AS made FOR EACH STATEMENT EXECUTE FUNCTION forget_when_awaited();

CREATE TRIGGER migration_changed AFTER UPDATE OF state, route, code ON migration FOR EACH ROW WHEN (old.route IS DISTINCT FROM new.route OR (old.state = 'done'::text) IS DISTINCT FROM (new.state = 'done'::text) OR (COALESCE(old.code, ''::text) = ANY (ARRAY['credential-refused'::text, 'credential-unopened'::text])) <> (COALESCE(new.code, ''::text) = ANY (ARRAY['credential-refused'::text, 'credential-unopened'::text]))) EXECUTE FUNCTION forget_migration();

CREATE CONSTRAINT TRIGGER migration_home_changed AFTER UPDATE OF home, address ON migration DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN (old.home IS DISTINCT FROM new.home OR old.address <> new.address) EXECUTE FUNCTION keep_home();

CREATE CONSTRAINT TRIGGER migration_home_made AFTER INSERT ON migration DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN (new.home IS NOT NULL) EXECUTE FUNCTION keep_home();

CREATE CONSTRAINT TRIGGER migration_home_removed AFTER DELETE ON migration DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN (old.home IS NOT NULL) EXECUTE FUNCTION keep_home();

CREATE TRIGGER migration_made AFTER INSERT ON migration REFERENCING NEW TABLE AS made FOR EACH STATEMENT EXECUTE FUNCTION follow_made_migrations();

CREATE TRIGGER migration_renamed AFTER UPDATE OF old_username, provider_id ON migration FOR EACH ROW WHEN (new.account_id IS NULL AND (old.old_username IS DISTINCT FROM new.old_username OR old.provider_id IS DISTINCT FROM new.provider_id)) EXECUTE FUNCTION forget_all();

CREATE TRIGGER migration_state_changed AFTER UPDATE ON migration REFERENCING OLD TABLE AS before NEW TABLE AS later FOR EACH STATEMENT EXECUTE FUNCTION follow_changed_migrations();

CREATE TRIGGER provider_changed AFTER UPDATE ON provider FOR EACH STATEMENT EXECUTE FUNCTION forget_all();
