package postgres

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"

	"github.com/gatehouse/gatehouse/authz"
	"github.com/gatehouse/gatehouse/storage"
)

// JobSchema is where the tables of the job library stand.
const JobSchema = "river"

// JobDriver is the database as the job library reaches it; storage/jobs alone asks.
func (s *Store) JobDriver() *riverpgxv5.Driver { return riverpgxv5.New(s.pool) }

// enqueue writes the jobs of a query of kind and args, and wakes the workers once
// the transaction stands. It is plain SQL and not the library's own insert, so that it
// goes in the same trip as the change. Fourteen attempts, each after a longer pause
// than the last, are about a day and a half.
func enqueue(query string) string {
	return `with job as (insert into river.river_job (max_attempts, kind, args) select 14, ` + query + ` returning 1)
		select pg_notify('river.river_insert', '{"queue": "default"}') from job`
}

// queueJob writes a job into the transaction of the change that sets it off.
func queueJob(b *pgx.Batch, job storage.Job) {
	b.Queue(enqueue(`$1, $2::jsonb`), job.Kind(), document(job))
}

// queueNotice writes a mail to a user, whoever that is by then, wherever they read and in
// their language; the condition is one on the user u, or "true".
func queueNotice(b *pgx.Batch, user authz.UserID, m storage.Mail, condition string, args ...any) {
	b.Queue(enqueue(`$1, $2::jsonb || jsonb_build_object('To', u.email, 'Name', coalesce(nullif(u.display_name, ''), u.username),
			'Language', coalesce(u.language, $2::jsonb ->> 'Language', u.last_language, ''))
		from platform.users u where u.id = $3 and `+condition), append([]any{m.Kind(), document(m), user}, args...)...)
}

// notify is queueNotice for a transaction that takes its trips one by one.
func notify(ctx context.Context, tx pgx.Tx, user authz.UserID, m storage.Mail) error {
	b := &pgx.Batch{}
	queueNotice(b, user, m, "true")
	return tx.SendBatch(ctx, b).Close()
}

// document is plain data as JSON. Jobs are structs of texts and times: they can be encoded.
func document(job storage.Job) json.RawMessage {
	text, err := json.Marshal(job)
	if err != nil {
		panic(fmt.Sprintf("encode %s job: %v", job.Kind(), err))
	}
	return text
}

// Enqueue writes down a job that no other change sets off.
func (s *Store) Enqueue(ctx context.Context, job storage.Job) error {
	return s.batch(ctx, "enqueue "+job.Kind(), acting{}, func(b *pgx.Batch) { queueJob(b, job) })
}
