package templates

import "time"

// DeviceProblem says why a user code was not taken.
type DeviceProblem string

// Why a user code was not taken. [DeviceCodeUnknown] is also the answer to a
// code that has expired or was used.
const (
	DeviceCodeUnknown DeviceProblem = "unknown"
	DeviceThrottled   DeviceProblem = "throttled"
)

// Device asks for the code that a device shows (RFC 8628 §3.3): POST /device
// with csrf and user_code.
type Device struct {
	Layout
	// UserCode fills the field in, from verification_uri_complete.
	UserCode string
	Problem  DeviceProblem
	// RetryAfter is how long [DeviceThrottled] lasts, if known.
	RetryAfter time.Duration
}

func (Device) template() string { return "device" }

// DeviceConfirm asks whether the device may act for the user: POST
// /device/confirm with csrf, flow and decision ("accept" or "deny"). What is
// granted stands in the flow, never in the form.
type DeviceConfirm struct {
	Layout
	Flow     string
	UserCode string
	Client   Client
	// Address is where the device asked from: someone else's code is the usual
	// trick (RFC 8628 §5.4).
	Address        string
	RequestedAt    time.Time
	Tenant         string
	Name, Username string
	Scopes         []ScopeWords
	Dropped        []DroppedScope
}

func (DeviceConfirm) template() string { return "device_confirm" }

// DeviceDone sends the user back to the device.
type DeviceDone struct {
	Layout
	Client   string
	Approved bool
}

func (DeviceDone) template() string { return "device_done" }
