// Package page reads the pages that people see, for tools that go through them.
//
// It owns how a form is found and what it sends unchanged. It fetches nothing. The tools
// that sign people in import it.
package page
