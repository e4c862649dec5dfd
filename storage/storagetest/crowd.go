package storagetest

// Crowd is how much a world is filled with.
type Crowd struct{ Users, Tenants, Memberships int }

// Populate fills the database with a crowd, by statements that write all rows of a
// table at once. Ids are made like those of the program, in the order of their
// numbers. User 7 is called "given.family7", with names out of many; one in a
// hundred is an admin, one in a thousand is disabled; half have signed in, on one
// day of the year 2025 each. Everybody is a member of one tenant, which is their
// default, and the memberships beyond are spread over the groups of all tenants;
// one in ten holds a scope directly.
func (w *World) Populate(c Crowd) {
	w.t.Helper()
	// Triggers and the trigram index, row by row, would take most of the time.
	var index *string
	w.Get(`select pg_get_indexdef(to_regclass('platform.user_search_by_trigram'))`, nil, &index)
	w.Exec(`drop index if exists platform.user_search_by_trigram`)
	w.Exec(`set session_replication_role = replica`)
	w.Exec(`set maintenance_work_mem = '512MB'`)
	w.Exec(crowdID)
	for _, part := range []struct {
		statement string
		args      []any
	}{
		{crowdTenants, []any{c.Tenants}}, {crowdGroups, nil}, {crowdUsers, []any{c.Users}}, {crowdSearch, nil},
		{crowdMembers, []any{c.Users, c.Tenants}}, {crowdPreferences, []any{c.Users, c.Tenants}}, {crowdScopes, []any{c.Users}},
		{crowdMemberships, []any{max(c.Memberships-c.Users, 0), c.Users, c.Tenants}},
	} {
		w.Exec(part.statement, part.args...)
	}
	w.Exec(`set session_replication_role = origin`)
	if index != nil {
		w.Exec(*index)
	}
	w.Exec(`vacuum analyze`)
}

const (
	// The id number n of a kind: version 7, a millisecond after the one before.
	crowdID = `create function pg_temp.crowd_id(kind text, n bigint) returns uuid language sql immutable as $$
		select (lpad(to_hex(1735689600000 + n), 12, '0') || '7' || substr(md5(kind || n), 1, 3) || '8' || substr(md5(kind || n), 4, 15))::uuid $$`

	crowdTenants = `insert into platform.tenants (id, slug, name, created_at)
		select pg_temp.crowd_id('tenant', n), 'tenant' || n, 'Tenant ' || n, '2025-01-01' from generate_series(1, $1::int) n`

	crowdGroups = `insert into platform.user_groups (id, tenant_id, name, scopes, created_at)
		select pg_temp.crowd_id('group' || g.name, n), t.id, g.name, g.scopes, '2025-01-01'
		  from (select *, row_number() over (order by id) n from platform.tenants where slug ~ '^tenant[0-9]+$') t,
		       (values ('members', '{}'::text[]), ('readers', '{reports:read}'), ('writers', '{reports:write}'), ('makers', '{tools:execute}')) g (name, scopes)`

	crowdUsers = `insert into platform.users (id, username, username_folded, email, email_folded, password_hash, display_name, display_name_folded,
			role, created_at, last_login_at, disabled_at, authz_changed_at)
		select pg_temp.crowd_id('user', n), name, name, name || '@' || host, name || '@' || host, '!', initcap(spelt || ' ' || family), spelt || ' ' || family,
		       case when n % 100 = 0 then 'admin' else 'user' end, '2025-01-01',
		       case when n % 2 = 0 then '2025-01-01'::timestamptz + n % 365 * interval '1 day' end,
		       case when n % 1000 = 0 then '2025-06-01'::timestamptz end, '2025-01-01'
		  from (select *, given || '.' || family || n as name, replace(given, 'bela', 'béla') as spelt from (
		    select n, (array['ada','bela','chen','dara','emil','fatima','goran','hanna','ivo','jonathan','kaya','lena','marco','nadia','olu','petra','quentin','rosa','samir','tove'])[1 + n % 20] as given,
		           (array['abel','bran','cald','dorn','engel','fisch','gold','holm','ib','jans','koval','lind','moro','nov','ost','pren','quist','rein','sand','tor'])[1 + n / 20 % 20]
		           || (array['er','stein','ova','mann','son','berg','field','ez','ski','dottir','wood','ton','ini','eau','sen','ic','aho','ura','well','by'])[1 + n / 400 % 20] as family,
		           (array['example','acme','initech','globex','umbra','stark','wayne','hooli'])[1 + n / 7 % 8] || '.example' as host
		      from generate_series(1, $1::int) n) p) q`

	crowdSearch = `insert into platform.user_search (user_id, words)
		select id, platform.bare(concat_ws(' ', username_folded, email_folded, display_name_folded)) from platform.users on conflict do nothing`

	crowdMembers = `insert into platform.user_group_memberships (id, tenant_id, user_id, user_group_id, created_at)
		select pg_temp.crowd_id('member', n), pg_temp.crowd_id('tenant', 1 + n % $2::int), pg_temp.crowd_id('user', n),
		       pg_temp.crowd_id('groupmembers', 1 + n % $2::int), '2025-01-01' from generate_series(1, $1::int) n`

	crowdPreferences = `insert into platform.user_preferences (user_id, default_tenant_id)
		select pg_temp.crowd_id('user', n), pg_temp.crowd_id('tenant', 1 + n % $2::int) from generate_series(1, $1::int) n`

	crowdScopes = `insert into platform.user_scopes (user_id, scope, created_at)
		select pg_temp.crowd_id('user', 10 * n), 'audits:read', '2025-01-01' from generate_series(1, $1::int / 10) n`

	// Prime strides, so that a user's memberships lie in tenants far apart.
	crowdMemberships = `insert into platform.user_group_memberships (id, tenant_id, user_id, user_group_id, created_at)
		select pg_temp.crowd_id('membership', n), pg_temp.crowd_id('tenant', tenant), pg_temp.crowd_id('user', 1 + n % $2::int),
		       pg_temp.crowd_id('group' || (array['readers', 'writers', 'makers'])[1 + n % 3], tenant), '2025-01-01'
		  from (select n, 1 + (n::bigint * 7919 + n / $2::int) % $3::int as tenant from generate_series(1, $1::int) n) spread
		on conflict do nothing`
)
