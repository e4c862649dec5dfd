package main

import (
	"os/exec"
	"runtime"
	"slices"
	"strings"
)

// browser opens an address in the browser of whoever sits at this machine, if anybody
// does: not over SSH, where it would open far away or not at all, and not without a
// screen. The program is the one that BROWSER names, or else that of the system.
func (i *invocation) browser() (open func(address string) error, ok bool) {
	command := i.variable("BROWSER")
	if command == "" {
		command = i.systemBrowser()
	}
	words := strings.Fields(command)
	if len(words) == 0 {
		return nil, false
	}
	program, err := exec.LookPath(words[0])
	if err != nil {
		return nil, false
	}
	return func(address string) error {
		// It outlives this program, so it is not ended with its context.
		cmd := exec.Command(program, append(slices.Clone(words[1:]), address)...)
		cmd.Env = i.environ
		if err := cmd.Start(); err != nil {
			return err
		}
		go func() { _ = cmd.Wait() }() // nobody asks how it ended
		return nil
	}, true
}

func (i *invocation) systemBrowser() string {
	if i.variable("SSH_CONNECTION") != "" {
		return ""
	}
	switch runtime.GOOS {
	case "darwin":
		return "open"
	case "windows":
		return "rundll32 url.dll,FileProtocolHandler"
	}
	if i.variable("DISPLAY") == "" && i.variable("WAYLAND_DISPLAY") == "" {
		return ""
	}
	return "xdg-open"
}

// variable is one of the environment; the last of a name counts.
func (i *invocation) variable(name string) string {
	for _, pair := range slices.Backward(i.environ) {
		if value, ok := strings.CutPrefix(pair, name+"="); ok {
			return value
		}
	}
	return ""
}
