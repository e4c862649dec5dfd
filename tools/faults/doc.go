// Package faults breaks what a house stands on and judges what its clients were told.
//
// It owns real `gatehouse serve` processes on a private PostgreSQL ([House]), a mixed
// load that keeps every answer ([Recorder]), and the judgement over what was kept
// ([Judge]): whether anything that was acknowledged is lost, and whether anything that
// was revoked came back. The tests of the package are the faults themselves, each with
// its figures in docs/reliability.md.
//
// It knows the house from outside alone: addresses, the command line, and rows that it
// counts when all is over. Tests may import it; nothing else does.
package faults
