/* A server of known timing for programs that send load: one thread, epoll, fixed times.
 * Streams TOKENS events (fewer where a request's max_tokens says so): the first TTFT_MS after the request reached the kernel, then one every ITL_MS. It counts how late it was itself, so that the
 * client's error and the server's can be told apart: "wire_ms" is from the kernel's stamp on the request's last bytes to
 * the instant before the first event was written, so what a client says beyond it is the client's own.
 *   cc -O2 -o known_timing known_timing.c
 *   ./known_timing PORT TTFT_MS ITL_MS TOKENS [ARRIVALS_FILE]     instants of requests, CLOCK_MONOTONIC in nanoseconds
 * GET /stats -> JSON; GET /reset -> zero it. Binds 127.0.0.1 only.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define MAXFD 65536
#define RB 65536
typedef struct { int fd, len, cap, closing, chat, stream, active, sent, usage, tokens; char *buf; uint64_t came, due; int next; uint32_t gen; } Conn;
static Conn *conns[MAXFD];
static int port, tokens; static uint64_t ttft_ns, itl_ns;
static uint64_t nreq, ndone, nabort, naccept, active_now, active_max, npartial;
static FILE *arr;
#define HB 20000
static uint64_t h_first[HB], h_tok[HB], h_read[HB], h_wire[HB], n_first, n_tok, n_read, n_wire;  /* histograms, 10 us buckets */
static uint64_t first_t, last_t, wire_sum; static int64_t offset_ns;  /* CLOCK_MONOTONIC less CLOCK_REALTIME */

static uint64_t now_ns(void){ struct timespec t; clock_gettime(CLOCK_MONOTONIC,&t); return (uint64_t)t.tv_sec*1000000000ull+t.tv_nsec; }
static void set_offset(void){ uint64_t a=now_ns(), b; struct timespec r; clock_gettime(CLOCK_REALTIME,&r); b=now_ns(); if(!offset_ns||b-a<2000) offset_ns=(int64_t)a-((int64_t)r.tv_sec*1000000000ll+r.tv_nsec); }
static void hadd(uint64_t *h, uint64_t *n, uint64_t late){ uint64_t b=late/10000; if(b>=HB)b=HB-1; h[b]++; (*n)++; }
static double hpct(uint64_t *h, uint64_t n, double p){ uint64_t want=(uint64_t)(n*p), c=0; if(!n) return 0; for(int i=0;i<HB;i++){ c+=h[i]; if(c>want) return i*0.01; } return HB*0.01; }

/* two FIFOs: both intervals are constant, so each stays sorted by due time */
typedef struct { int fd; uint32_t gen; uint64_t due; } Ev;
typedef struct { Ev *v; size_t head, tail, cap; } Q;
static Q q1, q2;
static void qpush(Q *q, Ev e){ if(q->tail-q->head>=q->cap){ size_t nc=q->cap?q->cap*2:4096; Ev *nv=malloc(nc*sizeof(Ev)); for(size_t i=q->head;i<q->tail;i++) nv[i-q->head]=q->v[i%q->cap]; q->tail-=q->head; q->head=0; free(q->v); q->v=nv; q->cap=nc; } q->v[q->tail%q->cap]=e; q->tail++; }
static Ev *qhead(Q *q){ return q->head<q->tail? &q->v[q->head%q->cap]:NULL; }

static void send_all(Conn *c, const char *b, int n){ int r=send(c->fd,b,n,MSG_NOSIGNAL); if(r!=n){ npartial++; if(r<0) c->closing=1; } }
static void drop(Conn *c, int ep){ if(c->active){ nabort++; active_now--; } epoll_ctl(ep,EPOLL_CTL_DEL,c->fd,0); close(c->fd); conns[c->fd]=NULL; free(c->buf); free(c); }

static int nevent[2]; static char event[2][1024];  /* an event in the middle of a stream, of completions and of chats */
static int chunk(char *o, const char *payload){ int n=strlen(payload); return sprintf(o,"%x\r\n%s\r\n",n,payload); }
static void reply(Conn *c, const char *ctype, const char *body){ char h[65536]; int n=snprintf(h,sizeof h,"HTTP/1.1 200 OK\r\ncontent-type: %s\r\ncontent-length: %zu\r\n\r\n%s",ctype,strlen(body),body); send_all(c,h,n); }

static void emit(Conn *c, uint64_t due, uint64_t t){
  char p[1024], o[8192]; int n=0;
  c->sent++;
  if(c->sent==1){ hadd(h_first,&n_first,t-due); hadd(h_wire,&n_wire,t-c->came); wire_sum+=t-c->came; } else hadd(h_tok,&n_tok,t-due);
  if(!c->stream){
    if(c->sent<c->tokens) return;
    char *body=malloc(c->tokens*8+1024), *w=body; w+=sprintf(w,"{\"id\":\"cmpl-1\",\"object\":\"chat.completion\",\"created\":1,\"model\":\"stub\",\"choices\":[{\"index\":0,");
    if(c->chat) w+=sprintf(w,"\"message\":{\"role\":\"assistant\",\"content\":\""); else w+=sprintf(w,"\"text\":\"");
    for(int i=0;i<c->tokens;i++) w+=sprintf(w,"tok ");
    w+=sprintf(w,"\"%s,\"finish_reason\":\"length\"}],\"usage\":{\"prompt_tokens\":16,\"completion_tokens\":%d,\"total_tokens\":%d}}",c->chat?"}":"",c->tokens,c->tokens+16);
    char *h=malloc(c->tokens*8+2048); int m=sprintf(h,"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %zu\r\n\r\n%s",strlen(body),body); send_all(c,h,m); free(h); free(body);
  } else if(c->sent>1&&c->sent<c->tokens&&nevent[c->chat]) { send_all(c,event[c->chat],nevent[c->chat]);
  } else {
    const char *fin = c->sent==c->tokens ? "\"length\"":"null";
    if(c->chat) sprintf(p,"data: {\"id\":\"chatcmpl-1\",\"object\":\"chat.completion.chunk\",\"created\":1,\"model\":\"stub\",\"choices\":[{\"index\":0,\"delta\":{%s\"content\":\"tok \"},\"logprobs\":null,\"finish_reason\":%s}]}\n\n",c->sent==1?"\"role\":\"assistant\",":"",fin);
    else sprintf(p,"data: {\"id\":\"cmpl-1\",\"object\":\"text_completion\",\"created\":1,\"model\":\"stub\",\"choices\":[{\"index\":0,\"text\":\"tok \",\"logprobs\":null,\"finish_reason\":%s}]}\n\n",fin);
    n=chunk(o,p);
    if(c->sent==c->tokens){
      if(c->usage){ sprintf(p,"data: {\"id\":\"chatcmpl-1\",\"object\":\"%s\",\"created\":1,\"model\":\"stub\",\"choices\":[],\"usage\":{\"prompt_tokens\":16,\"completion_tokens\":%d,\"total_tokens\":%d}}\n\n",c->chat?"chat.completion.chunk":"text_completion",c->tokens,c->tokens+16); n+=chunk(o+n,p); }
      n+=chunk(o+n,"data: [DONE]\n\n"); n+=sprintf(o+n,"0\r\n\r\n");
    }
    if(c->sent>1&&c->sent<c->tokens){ nevent[c->chat]=n; memcpy(event[c->chat],o,n); }
    send_all(c,o,n);
  }
  if(c->sent==c->tokens){ c->active=0; active_now--; ndone++; last_t=t; }
}

static void stats(Conn *c){
  if(arr) fflush(arr);
  struct rusage ru; getrusage(RUSAGE_SELF,&ru);
  char b[2048]; snprintf(b,sizeof b,"{\"requests\":%lu,\"done\":%lu,\"aborted\":%lu,\"accepts\":%lu,\"active_max\":%lu,\"partial\":%lu,\"span_s\":%.3f,\"first_late_ms\":{\"p50\":%.2f,\"p99\":%.2f,\"max\":%.2f},\"token_late_ms\":{\"p50\":%.2f,\"p99\":%.2f},\"read_late_ms\":{\"p50\":%.2f,\"p99\":%.2f},\"wire_ms\":{\"mean\":%.4f,\"p50\":%.2f,\"p99\":%.2f},\"cpu_s\":%.3f}",
    nreq,ndone,nabort,naccept,active_max,npartial,(last_t-first_t)/1e9,hpct(h_first,n_first,.5),hpct(h_first,n_first,.99),hpct(h_first,n_first,.99999),hpct(h_tok,n_tok,.5),hpct(h_tok,n_tok,.99),
    hpct(h_read,n_read,.5),hpct(h_read,n_read,.99),n_wire?wire_sum/1e6/n_wire:0.0,hpct(h_wire,n_wire,.5),hpct(h_wire,n_wire,.99),
    ru.ru_utime.tv_sec+ru.ru_stime.tv_sec+(ru.ru_utime.tv_usec+ru.ru_stime.tv_usec)/1e6);
  reply(c,"application/json",b);
}
static void reset(void){ nreq=ndone=nabort=naccept=active_max=npartial=n_first=n_tok=n_read=n_wire=wire_sum=first_t=last_t=0; memset(h_first,0,sizeof h_first); memset(h_read,0,sizeof h_read); memset(h_wire,0,sizeof h_wire); memset(h_tok,0,sizeof h_tok); if(arr){ fflush(arr); if(ftruncate(fileno(arr),0)){} rewind(arr);} }

static void handle(Conn *c, char *req, int hlen, char *body, int blen, uint64_t t){
  (void)hlen;
  if(!strncmp(req,"POST ",5) && (strstr(req,"/completions ")||strstr(req,"/completions\r")||strstr(req,"/completions?"))){
    c->chat = strstr(req,"/chat/completions")!=NULL;
    char sv=body[blen]; body[blen]=0;
    char *s=strstr(body,"\"stream\""); c->stream=0; if(s){ s+=8; while(*s==':'||*s==' ') s++; c->stream=!strncmp(s,"true",4);} 
    s=strstr(body,"\"max_tokens\""); c->tokens=tokens; if(s){ s+=12; while(*s==':'||*s==' ') s++; int n=atoi(s); if(n>0&&n<tokens) c->tokens=n; }
    s=strstr(body,"\"include_usage\""); c->usage=0; if(s){ s+=15; while(*s==':'||*s==' ') s++; c->usage=!strncmp(s,"true",4);} 
    body[blen]=sv;
    c->active=1; c->sent=0; c->gen++; hadd(h_read,&n_read,t-c->came); nreq++; active_now++; if(active_now>active_max) active_max=active_now;
    if(!first_t) first_t=t;
    if(arr) fwrite(&t,8,1,arr);
    if(c->stream){ static const char h[]="HTTP/1.1 200 OK\r\ncontent-type: text/event-stream; charset=utf-8\r\ncache-control: no-cache\r\ntransfer-encoding: chunked\r\n\r\n"; send_all(c,h,sizeof h-1);} 
    qpush(&q1,(Ev){c->fd,c->gen,c->came+ttft_ns});
  } else if(strstr(req,"GET /stats")==req) stats(c);
  else if(strstr(req,"GET /reset")==req){ reset(); reply(c,"application/json","{}"); }
  else if(strstr(req,"GET /v1/models")==req) reply(c,"application/json","{\"object\":\"list\",\"data\":[{\"id\":\"stub\",\"object\":\"model\",\"created\":1,\"owned_by\":\"stub\",\"max_model_len\":32768}]}");
  else reply(c,"application/json","{\"status\":\"ok\"}");
}

static void feed(Conn *c, uint64_t t){
  for(;;){
    if(c->active) return;               /* no pipelining */
    c->buf[c->len]=0; char *e=strstr(c->buf,"\r\n\r\n"); if(!e) return;
    int hlen=e-c->buf+4, blen=0; char *cl=strcasestr(c->buf,"content-length:"); if(cl && cl<e) blen=atoi(cl+15);
    if(strcasestr(c->buf,"expect: 100-continue")) send_all(c,"HTTP/1.1 100 Continue\r\n\r\n",25);
    if(c->len<hlen+blen) return;
    handle(c,c->buf,hlen,c->buf+hlen,blen,t);
    memmove(c->buf,c->buf+hlen+blen,c->len-hlen-blen); c->len-=hlen+blen;
  }
}

int main(int ac,char**av){
  if(ac<5){ fprintf(stderr,"usage: %s PORT TTFT_MS ITL_MS TOKENS [ARRIVALS]\n",av[0]); return 2; }
  set_offset(); port=atoi(av[1]); ttft_ns=atof(av[2])*1e6; itl_ns=atof(av[3])*1e6; tokens=atoi(av[4]); if(ac>5) arr=fopen(av[5],"w+");
  struct rlimit rl={MAXFD-1,MAXFD-1}; setrlimit(RLIMIT_NOFILE,&rl);
  signal(SIGPIPE,SIG_IGN);
  int ls=socket(AF_INET,SOCK_STREAM|SOCK_NONBLOCK,0), one=1; setsockopt(ls,SOL_SOCKET,SO_REUSEADDR,&one,4);
  struct sockaddr_in a={.sin_family=AF_INET,.sin_port=htons(port),.sin_addr.s_addr=htonl(INADDR_LOOPBACK)};
  if(bind(ls,(void*)&a,sizeof a)||listen(ls,4096)){ perror("bind"); return 1; }
  int ep=epoll_create1(0); struct epoll_event ev={.events=EPOLLIN,.data.fd=ls}; epoll_ctl(ep,EPOLL_CTL_ADD,ls,&ev);
  struct epoll_event evs[512];
  for(;;){
    uint64_t t=now_ns(), due=UINT64_MAX; Ev *e1=qhead(&q1),*e2=qhead(&q2); if(e1&&e1->due<due)due=e1->due; if(e2&&e2->due<due)due=e2->due;
    struct timespec ts={0,0}, *tp=&ts; if(due==UINT64_MAX) tp=NULL; else if(due>t){ ts.tv_sec=(due-t)/1000000000ull; ts.tv_nsec=(due-t)%1000000000ull; }
    int n=epoll_pwait2(ep,evs,512,tp,NULL);
    t=now_ns(); set_offset();
    for(int i=0;i<n;i++){
      int fd=evs[i].data.fd;
      if(fd==ls){ int cfd; while((cfd=accept4(ls,0,0,SOCK_NONBLOCK))>=0){ if(cfd>=MAXFD){close(cfd);continue;} setsockopt(cfd,IPPROTO_TCP,TCP_NODELAY,&one,4); setsockopt(cfd,SOL_SOCKET,SO_TIMESTAMPNS,&one,4); Conn *c=calloc(1,sizeof *c); c->fd=cfd; c->cap=RB; c->buf=malloc(RB+1); static uint32_t g; c->gen=(g+=1u<<16); conns[cfd]=c; naccept++; struct epoll_event ce={.events=EPOLLIN|EPOLLRDHUP,.data.fd=cfd}; epoll_ctl(ep,EPOLL_CTL_ADD,cfd,&ce);} continue; }
      Conn *c=conns[fd]; if(!c) continue;
      if(c->len>=c->cap){ c->cap*=2; c->buf=realloc(c->buf,c->cap+1); }
      char cm[128]; struct iovec iv={c->buf+c->len,c->cap-c->len}; struct msghdr mh={.msg_iov=&iv,.msg_iovlen=1,.msg_control=cm,.msg_controllen=sizeof cm};
      int r=recvmsg(fd,&mh,0); uint64_t got=now_ns(); c->came=got;
      for(struct cmsghdr *h=r>0?CMSG_FIRSTHDR(&mh):NULL;h;h=CMSG_NXTHDR(&mh,h)) if(h->cmsg_level==SOL_SOCKET&&h->cmsg_type==SCM_TIMESTAMPNS){ struct timespec k; memcpy(&k,CMSG_DATA(h),sizeof k); uint64_t at=k.tv_sec*1000000000ll+k.tv_nsec+offset_ns; if(at<=got&&got-at<10000000000ull) c->came=at; }
      if(r==0||(r<0&&errno!=EAGAIN&&errno!=EINTR)){ drop(c,ep); continue; }
      if(r>0){ c->len+=r; feed(c,now_ns()); }
    }
    t=now_ns();
    for(;;){
      e1=qhead(&q1); e2=qhead(&q2); Q *q=NULL; if(e1&&e1->due<=t) q=&q1; if(e2&&e2->due<=t&&(!q||e2->due<e1->due)) q=&q2; if(!q) break;
      Ev e=*qhead(q); q->head++;
      Conn *c=conns[e.fd]; if(!c||c->gen!=e.gen||!c->active) continue;
      emit(c,e.due,now_ns());
      if(c->active) qpush(&q2,(Ev){e.fd,e.gen,e.due+itl_ns}); else if(c->len) feed(c,now_ns());
    }
  }
}
