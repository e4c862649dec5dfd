package storage

// Ended counts what was ended of a database that was restored.
type Ended struct {
	Sessions       int64 `json:"sessions"`
	Authorizations int64 `json:"authorizations"`
	// Links are those that were mailed or handed over.
	Links int64 `json:"links"`
	// Jobs are the letters and notices that waited.
	Jobs int64 `json:"jobs"`
	Keys int64 `json:"keys"`
}
