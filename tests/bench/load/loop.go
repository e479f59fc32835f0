package main

import (
	"errors"
	"net"
	"os"
	"syscall"
	"time"
	"unsafe"
)

// loop runs the workers as coroutines over one epoll instance in one thread: a worker goes on until its socket
// would block. Go's own network poller costs several times as much CPU when requests come one at a time.
type loop struct {
	ep     int
	byFd   []*conn
	back   chan struct{} // a worker hands over to the loop
	giveUp time.Time
	dials  int
}

func newLoop(giveUp time.Time) (*loop, error) {
	ep, err := syscall.EpollCreate1(syscall.EPOLL_CLOEXEC)
	return &loop{ep: ep, back: make(chan struct{}), giveUp: giveUp}, os.NewSyscallError("epoll_create", err)
}

var errStuck = errors.New("stuck: the registry stopped answering")

// run does body in every worker and returns when the last one is through.
func (l *loop) run(workers []*worker, body func(*worker)) error {
	left := len(workers)
	for _, w := range workers {
		go func() {
			<-w.resume
			body(w)
			left--
			l.back <- struct{}{}
		}()
		l.enter(w.resume)
	}
	events := make([]syscall.EpollEvent, 64)
	for left > 0 {
		n, err := l.poll(events)
		if err != nil {
			return err
		}
		if n == 0 && time.Now().After(l.giveUp) {
			return errStuck
		}
		for _, event := range events[:n] {
			if c := l.byFd[event.Fd]; c != nil && c.waiting {
				l.enter(c.resume)
			}
		}
	}
	return nil
}

func (l *loop) enter(resume chan struct{}) {
	resume <- struct{}{}
	<-l.back
}

// poll waits in a raw system call: the scheduler need not know, as there is nothing else to run.
func (l *loop) poll(events []syscall.EpollEvent) (int, error) {
	n, _, errno := syscall.RawSyscall6(syscall.SYS_EPOLL_PWAIT, uintptr(l.ep),
		uintptr(unsafe.Pointer(&events[0])), uintptr(len(events)), 1000, 0, 0)
	if errno == syscall.EINTR {
		return 0, nil
	}
	if errno != 0 {
		return 0, os.NewSyscallError("epoll_wait", errno)
	}
	return int(n), nil
}

// wait lets the others run until something happens on the socket.
func (c *conn) wait() {
	c.waiting = true
	c.loop.back <- struct{}{}
	<-c.resume
	c.waiting = false
}

// dial connects and has the loop told, once for all, of every change (edge triggered).
func (c *conn) dial() error {
	where, err := net.ResolveTCPAddr("tcp4", c.addr)
	if err != nil {
		return err
	}
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		return os.NewSyscallError("socket", err)
	}
	to := &syscall.SockaddrInet4{Port: where.Port}
	copy(to.Addr[:], where.IP.To4())
	event := syscall.EpollEvent{Events: syscall.EPOLLIN | syscall.EPOLLOUT | syscall.EPOLLRDHUP | edge, Fd: int32(fd)}
	for _, step := range []func() error{
		func() error { return syscall.Connect(fd, to) }, // on this machine: at once
		func() error { return syscall.SetNonblock(fd, true) },
		func() error { return syscall.SetsockoptInt(fd, syscall.IPPROTO_TCP, syscall.TCP_NODELAY, 1) },
		func() error { return syscall.EpollCtl(c.loop.ep, syscall.EPOLL_CTL_ADD, fd, &event) },
	} {
		if err := step(); err != nil {
			_ = syscall.Close(fd)
			return err
		}
	}
	for len(c.loop.byFd) <= fd {
		c.loop.byFd = append(c.loop.byFd, nil)
	}
	c.loop.byFd[fd] = c
	c.fd, c.r, c.w, c.drained = fd, 0, 0, true
	c.loop.dials++
	return nil
}

const edge = 1 << 31 // EPOLLET, which package syscall has as a negative number

func (c *conn) close() {
	if c.fd >= 0 {
		c.loop.byFd[c.fd] = nil
		_ = syscall.Close(c.fd)
		c.fd = -1
	}
}

// write sends all of data.
func (c *conn) write(data []byte) error {
	for len(data) > 0 {
		n, _, errno := syscall.RawSyscall6(syscall.SYS_SENDTO, uintptr(c.fd),
			uintptr(unsafe.Pointer(&data[0])), uintptr(len(data)), syscall.MSG_NOSIGNAL, 0, 0)
		switch errno {
		case 0:
			data = data[n:]
		case syscall.EAGAIN:
			c.wait()
		case syscall.EINTR:
		default:
			return os.NewSyscallError("send", errno)
		}
	}
	return nil
}

// sendFile sends the first n bytes of file.
func (c *conn) sendFile(file *os.File, n int64) error {
	var offset int64
	for offset < n {
		_, err := syscall.Sendfile(c.fd, int(file.Fd()), &offset, int(n-offset))
		switch err {
		case nil, syscall.EINTR:
		case syscall.EAGAIN:
			c.wait()
		default:
			return os.NewSyscallError("sendfile", err)
		}
	}
	return nil
}

// receive takes up to len(data) bytes off the socket. A socket known to be empty is waited for without asking.
func (c *conn) receive(data []byte, flags uintptr) (int, error) {
	for {
		if c.drained {
			c.wait()
		}
		n, _, errno := syscall.RawSyscall6(syscall.SYS_RECVFROM, uintptr(c.fd),
			uintptr(unsafe.Pointer(&data[0])), uintptr(len(data)), flags, 0, 0)
		c.drained = errno == syscall.EAGAIN || (errno == 0 && int(n) < len(data))
		switch {
		case errno == 0 && n == 0:
			return 0, errEarlyEnd
		case errno == 0:
			return int(n), nil
		case errno != syscall.EAGAIN && errno != syscall.EINTR:
			return 0, os.NewSyscallError("recv", errno)
		}
	}
}
