package jobs

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/riverqueue/river"

	"github.com/gatehouse/gatehouse/storage"
	"github.com/gatehouse/gatehouse/storage/postgres"
)

const (
	// workers is how many jobs one replica does at once; deliveries to webhooks are counted
	// by themselves, because their receivers may all be slow.
	workers = 8
	// timeout bounds one attempt at what requests set off. What is done now and then may
	// take until it is due again.
	timeout = time.Minute
	// A worker is woken when a job is committed; it looks by itself in case the word was lost.
	pollInterval = 5 * time.Second
	// stopLimit is how long running jobs may go on once the server ends.
	stopLimit = 10 * time.Second
	// keepDone is how long a finished job stays to be looked at.
	keepDone = 24 * time.Hour
)

// webhookQueue is where the database puts what goes to webhooks (migration 25).
const webhookQueue = "webhooks"

// Entry is one kind of job and what does it.
type Entry struct {
	register func(*river.Workers)
	periodic *river.PeriodicJob
}

// On does the jobs of kind J. An error means that the job is tried again later;
// wrapped in [Cancel], that it never will be.
func On[J storage.Job](work func(context.Context, J) error) Entry { return within(timeout, work) }

func within[J storage.Job](most time.Duration, work func(context.Context, J) error) Entry {
	return Entry{register: func(w *river.Workers) { river.AddWorker(w, worker[J]{most: most, work: work}) }}
}

type worker[J storage.Job] struct {
	river.WorkerDefaults[J]
	most time.Duration
	work func(context.Context, J) error
}

func (w worker[J]) Timeout(*river.Job[J]) time.Duration { return w.most }

func (w worker[J]) Work(ctx context.Context, job *river.Job[J]) error { return w.work(ctx, job.Args) }

// Every does a job of kind J now and then, once in each period however many replicas there
// are.
func Every[J storage.Job](period time.Duration, work func(context.Context) error) Entry {
	e := within(period, func(ctx context.Context, _ J) error { return work(ctx) })
	e.periodic = river.NewPeriodicJob(river.PeriodicInterval(period), func() (river.JobArgs, *river.InsertOpts) {
		var job J
		// What fails now is due again soon: there is no second attempt.
		return job, &river.InsertOpts{MaxAttempts: 1, UniqueOpts: river.UniqueOpts{ByPeriod: period}}
	}, &river.PeriodicJobOpts{RunOnStart: true})
	return e
}

// Cancel marks an error that no further attempt can mend.
func Cancel(err error) error { return river.JobCancel(err) }

// Run does jobs until the context ends, then lets those that are running finish.
func Run(ctx context.Context, store *postgres.Store, log *slog.Logger, entries ...Entry) error {
	config := &river.Config{
		Schema:            postgres.JobSchema,
		Queues:            map[string]river.QueueConfig{river.QueueDefault: {MaxWorkers: workers}, webhookQueue: {MaxWorkers: workers}},
		Workers:           river.NewWorkers(),
		FetchPollInterval: pollInterval, CompletedJobRetentionPeriod: keepDone,
		// Its indexes belong to whoever migrates; the application's role cannot rebuild them.
		ReindexerSchedule: river.NeverSchedule(),
		Logger:            slog.New(important{log.Handler()}),
	}
	for _, e := range entries {
		e.register(config.Workers)
		if e.periodic != nil {
			config.PeriodicJobs = append(config.PeriodicJobs, e.periodic)
		}
	}
	client, err := river.NewClient(store.JobDriver(), config)
	if err != nil {
		return fmt.Errorf("prepare jobs: %w", err)
	}
	// Not the context itself: its end would cut running jobs short.
	for started := client.Start(context.WithoutCancel(ctx)); started != nil; started = client.Start(context.WithoutCancel(ctx)) {
		// A database that is gone again as soon as the process has found it is waited for.
		log.WarnContext(ctx, "jobs cannot begin yet", "error", started)
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(time.Second):
		}
	}
	<-ctx.Done()
	patience, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopLimit)
	defer cancel()
	if client.Stop(patience) == nil {
		return nil
	}
	cut, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopLimit)
	defer cancel()
	if err := client.StopAndCancel(cut); err != nil {
		return fmt.Errorf("stop jobs: %w", err)
	}
	return nil
}

// important keeps what the library says of its own comings and goings out of the log.
type important struct{ slog.Handler }

func (h important) Enabled(ctx context.Context, level slog.Level) bool {
	return level >= slog.LevelWarn && h.Handler.Enabled(ctx, level)
}

func (h important) WithAttrs(attrs []slog.Attr) slog.Handler {
	return important{h.Handler.WithAttrs(attrs)}
}

func (h important) WithGroup(name string) slog.Handler { return important{h.Handler.WithGroup(name)} }
