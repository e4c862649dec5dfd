package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/gatehouse/gatehouse/tools/processor"
)

// reading is where the counters stand.
type reading struct {
	server, database         time.Duration // CPU time, user and system
	statements, commits, wal float64
}

// counters are PostgreSQL's own, without what the measurement asks itself. A
// transaction that writes takes an id; the others take none.
const counters = `select /* bench */
 (select coalesce(sum(calls), 0) from pg_stat_statements s join pg_database d on d.oid = s.dbid
   where d.datname = current_database() and query !~* '^(/\* bench|select /\* bench|begin|commit|rollback)'),
 pg_snapshot_xmax(pg_current_snapshot())::text,
 pg_current_wal_lsn() - '0/0'::pg_lsn`

func (h *house) count(ctx context.Context) (r reading, err error) {
	row, err := h.query(ctx, counters)
	if err != nil {
		return r, err
	}
	if _, err := fmt.Sscan(strings.Join(row, " "), &r.statements, &r.commits, &r.wal); err != nil {
		return r, fmt.Errorf("read the counters: %w", err)
	}
	return r, nil
}

func (h *house) clock(r *reading) (err error) {
	if r.server, err = processor.Time(h.server.Process.Pid, false); err != nil {
		return err
	}
	r.database, err = processor.Time(h.database, true)
	return err
}
