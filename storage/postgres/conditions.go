package postgres

import (
	"fmt"
	"strings"
)

// conditions is the where clause of a list with filters: only those that were asked
// for, so that the plan can follow an index. The texts are constants of this package.
type conditions struct {
	texts []string
	args  []any
}

// add takes a condition when it is wanted; $? stands for its one argument.
func (c *conditions) add(wanted bool, condition string, arg any) {
	if wanted {
		c.texts = append(c.texts, strings.ReplaceAll(condition, "$?", c.next(arg)))
	}
}

// next is the place of one argument more.
func (c *conditions) next(arg any) string {
	c.args = append(c.args, arg)
	return fmt.Sprintf("$%d", len(c.args))
}

func (c *conditions) where() string {
	if len(c.texts) == 0 {
		return ""
	}
	return " where " + strings.Join(c.texts, " and ")
}
