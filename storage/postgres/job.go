package postgres

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"

	"github.com/gatehouse/gatehouse/storage"
)

// JobSchema is where the tables of the job library stand.
const JobSchema = "river"

// JobDriver is the database as the job library reaches it; storage/jobs alone asks.
func (s *Store) JobDriver() *riverpgxv5.Driver { return riverpgxv5.New(s.pool) }

// jobColumns is what a job is inserted with; the rest has defaults. The state is
// "available", so a worker takes it as soon as the transaction stands. Fourteen attempts, each after
// a longer pause than the last, are about a day and a half.
const jobColumns = `insert into river.river_job (kind, max_attempts, args)`

// announceJob wakes the workers when the transaction commits.
const announceJob = `select pg_notify('river.river_insert', '{"queue": "default"}')`

// queueJob writes a job into the transaction of the change that sets it off. It is
// plain SQL and not the library's own insert, so that it goes in the same trip.
func queueJob(b *pgx.Batch, job storage.Job) error {
	args, err := json.Marshal(job)
	if err != nil {
		return fmt.Errorf("encode %s job: %w", job.Kind(), err)
	}
	b.Queue(jobColumns+` values ($1, 14, $2)`, job.Kind(), json.RawMessage(args))
	b.Queue(announceJob)
	return nil
}

// Enqueue writes down a job that no change sets off.
func (s *Store) Enqueue(ctx context.Context, job storage.Job) error {
	var encoding error
	err := s.batch(ctx, "enqueue "+job.Kind(), acting{}, func(b *pgx.Batch) { encoding = queueJob(b, job) })
	if encoding != nil {
		return encoding
	}
	return err
}
