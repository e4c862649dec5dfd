package postgres

import (
	"context"
	"encoding/json"
	"net/netip"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype/zeronull"

	"github.com/gatehouse/gatehouse/authz"
	"github.com/gatehouse/gatehouse/storage"
)

const sessionColumns = `s.id, s.token_jti, s.user_id, s.current_tenant_id,
	s.current_project_id, s.secret_hash, s.created_at,
	s.last_seen_at, s.expires_at, s.idle_lifetime, s.ip_address, s.user_agent, s.auth_time, s.acr, s.amr, s.revoked_at`

func sessionFields(s *storage.Session, ip **netip.Addr) []any {
	return []any{&s.ID, &s.TokenJTI, &s.User, &s.Tenant, &s.Project, &s.SecretHash, &s.CreatedAt,
		&s.LastSeenAt, &s.ExpiresAt, &s.IdleLifetime, ip, &s.UserAgent, &s.AuthTime, &s.ACR, &s.AMR,
		(*zeronull.Timestamptz)(&s.RevokedAt)}
}

func scanSession(row pgx.Row) (storage.Session, error) {
	var s storage.Session
	var ip *netip.Addr
	err := row.Scan(sessionFields(&s, &ip)...)
	if ip != nil {
		s.IPAddress = *ip
	}
	return s, err
}

// SignedIn is what a browser's session gives access to.
type SignedIn struct {
	Session storage.Session
	Person  storage.Person
	// Consents is what the user approved for the client that was asked about.
	Consents []storage.Consent
}

// SignedIn reads the session with an id, whose it is, and what that user approved
// for a client (none when client is empty). The caller compares the secret's
// digest and judges whether the session still stands.
func (s *Store) SignedIn(ctx context.Context, id authz.SessionID, client authz.ClientID) (SignedIn, error) {
	var in SignedIn
	var consents []byte
	var ip *netip.Addr
	err := s.askPerson(ctx, "read session", sessionQuery, []any{id, id.String(), client}, &in.Person,
		append(sessionFields(&in.Session, &ip), &consents)...)
	if ip != nil {
		in.Session.IPAddress = *ip
	}
	if err == nil && consents != nil {
		err = json.Unmarshal(consents, &in.Consents)
	}
	return in, err
}

// Setting app.user_id in the same breath opens the user's rows to what follows.
const sessionQuery = `
	select ` + sessionColumns + `,
	       (select json_agg(json_build_object('User', c.user_id, 'Client', c.client_id, 'Tenant', c.tenant_id,
	                                          'Scopes', c.scopes, 'GrantedAt', c.granted_at))
	          from platform.consents c where c.user_id = s.user_id and c.client_id = $3), p.*
	  from (select set_config('app.row_id', $2, true) as named offset 0) a
	 cross join lateral (select *, set_config('app.user_id', user_id::text, true)
	                       from platform.user_sessions where id = $1 and a.named <> '' offset 0) s
	 cross join lateral (` + personColumns + ` where u.id = s.user_id offset 0) p`

// InsertSession keeps a new session and says when its user last signed in, and in which
// language (BCP 47, or "" where that is not known). When
// ends is not zero, that session of the same user dies with it: a sign-in never
// leaves the browser's former session alive.
//
// What the sign-in was proven with may have changed since, and everything of the user have
// ended: it is [storage.ErrNotFound] then, and when the user is disabled or gone.
func (s *UserStore) InsertSession(ctx context.Context, n storage.Session, by storage.Evidence, language string, ends authz.SessionID, dead time.Time) error {
	err := s.batch(ctx, "insert session", s.as, func(b *pgx.Batch) {
		// Whoever ends everything of a user holds this row: they find the session, or the
		// statements behind this one find what they have changed.
		b.Queue(`select from platform.users where id = $1 for no key update`, s.as.user)
		queueNewDevice(b, s.as.user, n)
		queueInsertSession(b, provenSecret, s.as.user, n, zeronull.Text(by.PasswordHash), by.Passkey)
		queueOwnEvent(b, s.as.user, storage.AuditEvent{
			At: n.CreatedAt, Action: "user.sign-in", ObjectKind: "session", ObjectID: n.ID.String(), Tenant: n.Tenant, IPAddress: n.IPAddress,
		}, map[string]any{"acr": n.ACR, "amr": n.AMR, "user_agent": n.UserAgent}, `true`)
		b.Queue(`update platform.users set last_login_at = $2, last_language = coalesce($3, last_language) where id = $1`,
			s.as.user, n.CreatedAt, zeronull.Text(language))
		if !ends.IsZero() {
			queueEndSession(b, s.as.user, ends, "signed in again", n.CreatedAt, dead)
		}
	})
	if ends.IsZero() {
		return err
	}
	return s.caughtUp(ctx, err)
}

// queueNewDevice tells the user of a sign-in from a browser that none of their sessions
// knows, but for their first. A browser is the same when nothing but its version changed.
func queueNewDevice(b *pgx.Batch, user authz.UserID, n storage.Session) {
	m := storage.Mail{Letter: storage.LetterNewDevice, At: n.CreatedAt, Address: n.IPAddress, Device: n.UserAgent}
	queueNotice(b, user, m, `u.last_login_at is not null and not exists (
		select from platform.user_sessions s where s.user_id = u.id
		   and regexp_replace(s.user_agent, '[0-9.]+', '', 'g') = regexp_replace($4, '[0-9.]+', '', 'g'))`, n.UserAgent)
}

// provenSecret is the session's, or null, which its column refuses, where what the sign-in
// was proven with does not hold any more.
const provenSecret = `(select $6::bytea from platform.users u where u.id = $3 and u.disabled_at is null
	and ($15::text is null or u.password_hash = $15)
	and ($16::uuid is null or exists (select from platform.webauthn_credentials c where c.id = $16 and c.user_id = u.id)))`

// queueInsertSession inserts a session under a secret, an expression; more are the
// arguments from $15 on.
func queueInsertSession(b *pgx.Batch, secret string, user authz.UserID, n storage.Session, more ...any) {
	b.Queue(`insert into platform.user_sessions (id, token_jti, user_id, current_tenant_id, current_project_id,
			secret_hash, created_at, last_seen_at, expires_at, idle_lifetime, ip_address, user_agent, auth_time, acr, amr)
		values ($1, $2, $3, $4, $5, `+secret+`, $7, $7, $8, $9, $10, $11, $12, $13, $14)`, append([]any{
		n.ID, n.TokenJTI, user, n.Tenant, n.Project, n.SecretHash, n.CreatedAt, n.ExpiresAt, n.IdleLifetime,
		addressOrNull(n.IPAddress), n.UserAgent, n.AuthTime, n.ACR, n.AMR,
	}, more...)...)
}

func addressOrNull(a netip.Addr) any {
	if !a.IsValid() {
		return nil
	}
	return a
}

// TouchSession notes that the session is in use.
func (s *UserStore) TouchSession(ctx context.Context, id authz.SessionID, now time.Time) error {
	return s.batch(ctx, "touch session", s.as, func(b *pgx.Batch) {
		b.Queue(`update platform.user_sessions set last_seen_at = $3
			where id = $1 and user_id = $2 and last_seen_at < $3`, id, s.as.user, now)
	})
}

// MoveSession moves the session to another of the user's tenants, and into a project of
// it; one that is not of the tenant counts as none.
func (s *UserStore) MoveSession(ctx context.Context, id authz.SessionID, to storage.Preferences) error {
	return s.batch(ctx, "move session", s.as, func(b *pgx.Batch) {
		b.Queue(`update platform.user_sessions set current_tenant_id = $3,
			       current_project_id = (select p.id from public.projects p where p.id = $4 and p.tenant_id = $3)
			where id = $1 and user_id = $2`, id, s.as.user, to.Tenant, to.Project)
	})
}

// Sessions lists the sessions that still stand, the last used first.
func (s *UserStore) Sessions(ctx context.Context, now time.Time) ([]storage.Session, error) {
	var all []storage.Session
	err := s.batch(ctx, "list sessions", s.as, func(b *pgx.Batch) {
		b.Queue(`select `+sessionColumns+` from platform.user_sessions s
			where s.user_id = $1 and s.revoked_at is null and s.expires_at > $2 and s.last_seen_at + s.idle_lifetime > $2
			order by s.last_seen_at desc limit 200`, s.as.user, now).
			Query(func(rows pgx.Rows) (err error) {
				all, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (storage.Session, error) { return scanSession(row) })
				return err
			})
	})
	return all, err
}

// EndSession kills a session and every token beneath it: the row keeps the fact,
// the ledger the sid and the ids of its grants. It is idempotent, and silent
// about sessions of others, which it cannot see.
func (s *UserStore) EndSession(ctx context.Context, id authz.SessionID, reason string, from netip.Addr, now, dead time.Time) error {
	return s.caughtUp(ctx, s.batch(ctx, "end session", s.as, func(b *pgx.Batch) {
		queueOwnEvent(b, s.as.user, storage.AuditEvent{At: now, Action: "user.sign-out", ObjectKind: "session", ObjectID: id.String(), IPAddress: from},
			map[string]any{"reason": reason}, `exists (select from platform.user_sessions s where s.id = $10 and s.user_id = u.id and s.revoked_at is null)`, id)
		queueEndSession(b, s.as.user, id, reason, now, dead)
	}))
}

// holdSessions holds sessions that are about to end, for the statement behind it: that one
// sees, as this one does not, what was stored beneath them before they were held, and
// whoever comes later sees that they have ended. The user comes first, as everywhere.
const holdSessions = `select from platform.users u join platform.user_sessions s on s.user_id = u.id
	where u.id = any($1) and s.revoked_at is null and `

const inOrder = ` order by s.id for key share of u for no key update of s`

func queueEndSession(b *pgx.Batch, user authz.UserID, id authz.SessionID, reason string, now, dead time.Time) {
	b.Queue(holdSessions+`s.id = $2`+inOrder, []authz.UserID{user}, id)
	b.Queue(`with ended as (
			update platform.user_sessions set revoked_at = $3
			 where id = $1 and user_id = $2 and revoked_at is null returning token_jti, current_tenant_id),
		withdrawn as (
			update platform.grants set revoked_at = $3
			 where sid in (select token_jti from ended) and user_id = $2 and revoked_at is null returning id)
		insert into platform.revoked_tokens (jti, user_id, tenant_id, reason, revoked_at, expires_at)
		select token_jti::text, $2, current_tenant_id, $4, $3, $5 from ended
		on conflict (jti) do nothing`, id, user, now, reason, dead)
}

// EndOtherSessions kills every session of the user but one, and what stands
// beneath them.
func (s *UserStore) EndOtherSessions(ctx context.Context, keep authz.SessionID, reason string, from netip.Addr, now, dead time.Time) error {
	return s.caughtUp(ctx, s.batch(ctx, "end other sessions", s.as, func(b *pgx.Batch) {
		queueOwnEvent(b, s.as.user, storage.AuditEvent{At: now, Action: "user.sign-out-others", ObjectKind: "user", ObjectID: s.as.user.String(), IPAddress: from},
			map[string]any{"reason": reason, "kept": keep}, `exists (select from platform.user_sessions s where s.id <> $10 and s.user_id = u.id and s.revoked_at is null)`, keep)
		queueEndOtherSessions(b, s.as.user, keep, reason, now, dead)
	}))
}

func queueEndOtherSessions(b *pgx.Batch, user authz.UserID, keep authz.SessionID, reason string, now, dead time.Time) {
	b.Queue(holdSessions+`s.id <> $2`+inOrder, []authz.UserID{user}, keep)
	b.Queue(`with ended as (
			update platform.user_sessions set revoked_at = $3
			 where user_id = $1 and id <> $2 and revoked_at is null returning token_jti, current_tenant_id),
		withdrawn as (
			update platform.grants set revoked_at = $3
			 where sid in (select token_jti from ended) and user_id = $1 and revoked_at is null returning id)
		insert into platform.revoked_tokens (jti, user_id, tenant_id, reason, revoked_at, expires_at)
		select token_jti::text, $1, current_tenant_id, $4, $3, $5 from ended
		on conflict (jti) do nothing`, user, keep, now, reason, dead)
	b.Queue(voidEmailChanges, []authz.UserID{user})
}

// ElevateSession gives the session of a user who has proven more another id and
// secret, and what was proven. Its sid stays, and so do the tokens beneath it;
// auth_time stays too, for what was proven first has not become younger. The
// former id is dead: [storage.ErrNotFound] for everyone but the first.
func (s *UserStore) ElevateSession(ctx context.Context, former authz.SessionID, n storage.Session) error {
	return s.tx(ctx, "elevate session", s.as, func(tx pgx.Tx) error {
		return exec(ctx, tx, `update platform.user_sessions set id = $3, secret_hash = $4, acr = $5, amr = $6, last_seen_at = $7
			where id = $1 and user_id = $2 and revoked_at is null`, former, s.as.user, n.ID, n.SecretHash, n.ACR, n.AMR, n.LastSeenAt)
	})
}

// ClientsOfSession is every client that was given tokens under a session, by its sid.
func (s *UserStore) ClientsOfSession(ctx context.Context, sid authz.SessionID) ([]authz.ClientID, error) {
	var all []authz.ClientID
	err := s.batch(ctx, "list the session's clients", s.as, func(b *pgx.Batch) {
		b.Queue(`select distinct client_id from platform.grants where sid = $1 and user_id = $2 order by client_id`, sid, s.as.user).
			Query(func(rows pgx.Rows) (err error) {
				all, err = pgx.CollectRows(rows, pgx.RowTo[authz.ClientID])
				return err
			})
	})
	return all, err
}
