package storage

// Job is work that a change sets off and that is done after it: the arguments, as
// plain data. They are written down in the transaction of the change, so nothing in
// them is secret, and read again by whichever replica does the work.
type Job interface {
	// Kind tells jobs apart, such as "mail". It stands in rows that an older or a newer
	// release may work on, and never changes.
	Kind() string
}
