package processor

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// Time is the CPU time of a process, user and system, and of its children where they
// count too: those that live, and those that it has waited for.
func Time(pid int, children bool) (time.Duration, error) {
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

// Idle is how long a processor had nothing to do, or waited for a disk, since it was started.
func Idle(number int) (time.Duration, error) {
	lines, err := os.ReadFile("/proc/stat")
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(lines)) {
		if words := strings.Fields(line); len(words) > 5 && words[0] == "cpu"+strconv.Itoa(number) {
			idle, _ := strconv.ParseInt(words[4], 10, 64)
			waiting, _ := strconv.ParseInt(words[5], 10, 64)
			return time.Duration(idle+waiting) * 10 * time.Millisecond, nil
		}
	}
	return 0, fmt.Errorf("/proc/stat: no processor %d", number)
}
