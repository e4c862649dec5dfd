package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
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
	if r.server, err = cpuOf(h.server.Process.Pid, false); err != nil {
		return err
	}
	r.database, err = cpuOf(h.database, true)
	return err
}

// cpuOf is the CPU time of a process, and of its children where they count too: those
// that live, and those that it has waited for.
func cpuOf(pid int, children bool) (time.Duration, error) {
	fields, err := stat(strconv.Itoa(pid))
	if err != nil {
		return 0, err
	}
	ticks := fields[11] + fields[12]
	if children {
		ticks += fields[13] + fields[14]
		processes, _ := filepath.Glob("/proc/[0-9]*")
		for _, p := range processes {
			// One that has just ended is counted with its parent's.
			if child, err := stat(filepath.Base(p)); err == nil && child[1] == int64(pid) {
				ticks += child[11] + child[12]
			}
		}
	}
	return time.Duration(ticks) * 10 * time.Millisecond, nil
}

// stat reads the numbers of proc(5)'s stat from the third field on; what is no
// number is 0.
func stat(pid string) ([]int64, error) {
	line, err := os.ReadFile(filepath.Join("/proc", pid, "stat"))
	if err != nil {
		return nil, err
	}
	words := strings.Fields(string(line[strings.LastIndexByte(string(line), ')')+1:]))
	if len(words) < 15 {
		return nil, fmt.Errorf("/proc/%s/stat: %d fields", pid, len(words))
	}
	fields := make([]int64, len(words))
	for i, w := range words {
		fields[i], _ = strconv.ParseInt(w, 10, 64)
	}
	return fields, nil
}
