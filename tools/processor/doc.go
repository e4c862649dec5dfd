// Package processor reads from /proc how much CPU time processes took, and how much was
// left over.
//
// It owns these two figures, which tell what work cost whoever else shares the machine. It
// starts and ends nothing. The tools that measure import it.
package processor
