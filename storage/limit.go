package storage

import "fmt"

// LimitError says which limit of a tenant is reached: "max_users", "max_agents" or
// "storage_quota_gb", and how much that is.
type LimitError struct {
	Limit string
	Most  string
}

func (e *LimitError) Error() string {
	return fmt.Sprintf("%s: the tenant may have %s, and has that many", e.Limit, e.Most)
}

// Is makes it [ErrLimit].
func (e *LimitError) Is(target error) bool { return target == ErrLimit }
