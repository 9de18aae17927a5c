/*
 * A stand-in for NVIDIA's user-space driver: one source, compiled twice, as libnvidia-ml.so.1 and libcuda.so.1.
 *
 * It plays the data file that KEEPWELL_FAKE_GPU names (written by keepwell.testing.fake_gpu.machine), read at the
 * first initialisation: lines "key value", those before the first "card" about the machine, the others about the
 * card above them. A value that begins with "!" is the code that the call returns instead. A card's key that is
 * not there is NOT_SUPPORTED (3), as most fields of most cards are. Functions that an older driver lacks are left
 * out when it is linked (a version script), so that dlsym fails as it does there.
 *
 * Structures, numbers and the order of arguments are those of nvml.h and cuda.h; nothing of NVIDIA's text is here.
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define CARDS 64
#define KEYS 96
#define CALLS 192
#define TEXT 192
#define NONE 0xffffffffffffffffULL

enum { OK = 0, UNINITIALIZED = 1, INVALID = 2, NOT_SUPPORTED = 3, NOT_FOUND = 6, SMALL = 7, DRIVER_NOT_LOADED = 9 };

typedef struct { char key[TEXT], value[TEXT]; } Entry;
typedef struct Card { Entry entries[KEYS]; int count, index; struct Card *parent; } Card;
typedef Card *Device;

static Card machine, cards[CARDS], instances[CARDS];
static int card_count, loaded, started;

/* What was called how often, for tests: "init", "shutdown", "handle", "ask", and the keys that were asked for. */
static struct { char name[32]; long long count; } calls[CALLS];

static void count_call(const char *name)
{
    int at = 0;
    while (at < CALLS - 1 && *calls[at].name && strcmp(calls[at].name, name))
        at++;
    snprintf(calls[at].name, sizeof calls[at].name, "%s", name);
    calls[at].count++;
}
long long fakeCalls(const char *name)
{
    for (int at = 0; at < CALLS; at++)
        if (!strcmp(calls[at].name, name))
            return calls[at].count;
    return 0;
}

static void load(void)
{
    char line[TEXT * 2];
    const char *path = getenv("KEEPWELL_FAKE_GPU");
    FILE *file = path ? fopen(path, "r") : NULL;
    Card *at = &machine;
    if (loaded)
        return;
    loaded = 1;
    if (!file) {
        fprintf(stderr, "fake driver: KEEPWELL_FAKE_GPU names no readable file\n");
        return;
    }
    while (fgets(line, sizeof line, file)) {
        char *end = line + strcspn(line, "\n"), *gap;
        *end = 0;
        gap = strchr(line, ' ');
        if (!strcmp(line, "card") && card_count < CARDS) {
            at = &cards[card_count];
            at->index = card_count++;
            continue;
        }
        if (!gap || at->count == KEYS)
            continue;
        *gap = 0;
        snprintf(at->entries[at->count].key, TEXT, "%s", line);
        snprintf(at->entries[at->count++].value, TEXT, "%s", gap + 1);
    }
    fclose(file);
}

static int registered[CARDS], told[CARDS];
void fakeForget(void)
{
    memset(calls, 0, sizeof calls);
    memset(told, 0, sizeof told);
}

/* Play the data file afresh: what was started and counted stays. */
void fakeReload(void)
{
    memset(&machine, 0, sizeof machine);
    memset(cards, 0, sizeof cards);
    card_count = loaded = 0;
    load();
}

static const char *find(const Card *at, const char *key, int number)
{
    for (int i = 0; at && i < at->count; i++)
        if (!strcmp(at->entries[i].key, key) && number-- == 0)
            return at->entries[i].value;
    return NULL;
}

static long long of_machine(const char *key, long long otherwise)
{
    const char *found = find(&machine, key, 0);
    return found ? atoll(found) : otherwise;
}

static void wait_for(const char *key)
{
    long long left = of_machine(key, 0);
    struct timespec pause = { left / 1000, (left % 1000) * 1000000 };
    if (left > 0)
        nanosleep(&pause, NULL);
}

/* The value of a card's key, or the code that the call must return. */
static int value_of(Device device, const char *key, const char **value)
{
    const char *all;
    count_call("ask");
    count_call(key);
    if (!started)
        return UNINITIALIZED;
    if (!device)
        return INVALID;
    all = find(device, "every", 0);
    if (all && *all == '!')
        return atoi(all + 1);
    *value = find(device, key, 0);
    if (!*value)
        return NOT_SUPPORTED;
    return **value == '!' ? atoi(*value + 1) : OK;
}

static int text(Device device, const char *key, char *into, unsigned length)
{
    const char *value;
    int code = value_of(device, key, &value);
    if (code)
        return code;
    if (strlen(value) >= length)
        return SMALL;
    strcpy(into, value);
    return OK;
}

static int number(Device device, const char *key, unsigned *into)
{
    const char *value;
    int code = value_of(device, key, &value);
    if (!code)
        *into = (unsigned)strtoul(value, NULL, 0);
    return code;
}

static int wide(Device device, const char *key, unsigned long long *into)
{
    const char *value;
    int code = value_of(device, key, &value);
    if (!code)
        *into = strtoull(value, NULL, 0);
    return code;
}

/* Two to four numbers in one value. */
static int numbers(Device device, const char *key, unsigned *a, unsigned *b, unsigned *c, unsigned *d)
{
    const char *value;
    unsigned found[4] = { 0 };
    int code = value_of(device, key, &value);
    if (code)
        return code;
    sscanf(value, "%u %u %u %u", &found[0], &found[1], &found[2], &found[3]);
    if (a) *a = found[0];
    if (b) *b = found[1];
    if (c) *c = found[2];
    if (d) *d = found[3];
    return OK;
}

/* ------------------------------------------------------------------ NVML */

int nvmlInitWithFlags(unsigned flags)
{
    (void)flags;
    count_call("init");
    load();
    wait_for("nvml.milliseconds");
    if (of_machine("nvml.crash", 0))
        abort();
    if (of_machine("nvml.code", 0))
        return (int)of_machine("nvml.code", 0);
    started++;
    return OK;
}
int nvmlInit(void) { return nvmlInitWithFlags(0); }
int nvmlInit_v2(void) { return nvmlInitWithFlags(0); }
int nvmlShutdown(void)
{
    count_call("shutdown");
    if (!started)
        return UNINITIALIZED;
    started--;
    return OK;
}

const char *nvmlErrorString(int code)
{
    static const char *const words[] = {
        "Success", "Uninitialized", "Invalid Argument", "Not Supported", "Insufficient Permissions",
        "Already Initialized", "Not Found", "Insufficient Size", "Insufficient External Power",
        "Driver Not Loaded", "Timeout", "Interrupt Request Issue", "NVML Shared Library Not Found",
        "Function Not Found", "Corrupted infoROM", "GPU is lost", "GPU requires reset",
        "The operating system has blocked the request.", "RM has detected an NVML/RM version mismatch.",
        "In use by another client", "Insufficient Memory", "No data", "ECC is not supported by vGPU",
        "Insufficient Resources", "Frequency is not supported", "Argument version mismatch", "Deprecated",
        "Not Ready", "GPU not found", "Invalid state", "Reset type not supported" };
    if (code >= 0 && code < (int)(sizeof words / sizeof *words))
        return words[code];
    return "Unknown Error";
}

static int system_text(const char *key, char *into, unsigned length)
{
    const char *found = find(&machine, key, 0);
    if (!started)
        return UNINITIALIZED;
    if (!found)
        return NOT_SUPPORTED;
    if (strlen(found) >= length)
        return SMALL;
    strcpy(into, found);
    return OK;
}
int nvmlSystemGetDriverVersion(char *into, unsigned length) { return system_text("driver", into, length); }
int nvmlSystemGetNVMLVersion(char *into, unsigned length) { return system_text("nvml", into, length); }
int nvmlSystemGetCudaDriverVersion(int *into)
{
    *into = (int)of_machine("cuda", 0);
    return started ? OK : UNINITIALIZED;
}
int nvmlSystemGetCudaDriverVersion_v2(int *into) { return nvmlSystemGetCudaDriverVersion(into); }

int nvmlDeviceGetCount_v2(unsigned *count)
{
    *count = (unsigned)card_count;
    return started ? OK : UNINITIALIZED;
}
int nvmlDeviceGetCount(unsigned *count) { return nvmlDeviceGetCount_v2(count); }

static int handle_of(unsigned index, Device *device)
{
    const char *refused;
    count_call("handle");
    if (!started)
        return UNINITIALIZED;
    if (index >= (unsigned)card_count)
        return INVALID;
    refused = find(&cards[index], "handle", 0);
    if (refused && *refused == '!')
        return atoi(refused + 1);
    wait_for("handle.milliseconds");
    *device = &cards[index];
    return OK;
}
int nvmlDeviceGetHandleByIndex_v2(unsigned index, Device *device) { return handle_of(index, device); }
int nvmlDeviceGetHandleByIndex(unsigned index, Device *device) { return handle_of(index, device); }

static int handle_by(const char *key, const char *wanted, Device *device)
{
    for (int i = 0; i < card_count; i++) {
        const char *found = find(&cards[i], key, 0);
        if (found && !strcmp(found, wanted))
            return handle_of((unsigned)i, device);
    }
    return NOT_FOUND;
}
int nvmlDeviceGetHandleByUUID(const char *uuid, Device *device) { return handle_by("uuid", uuid, device); }
int nvmlDeviceGetHandleByPciBusId_v2(const char *bus, Device *device) { return handle_by("pci", bus, device); }

int nvmlDeviceGetIndex(Device device, unsigned *index)
{
    *index = (unsigned)device->index;
    return OK;
}
int nvmlDeviceGetName(Device device, char *into, unsigned length) { return text(device, "name", into, length); }
int nvmlDeviceGetUUID(Device device, char *into, unsigned length) { return text(device, "uuid", into, length); }
int nvmlDeviceGetSerial(Device device, char *into, unsigned length) { return text(device, "serial", into, length); }
int nvmlDeviceGetVbiosVersion(Device device, char *into, unsigned length) { return text(device, "vbios", into, length); }
int nvmlDeviceGetMinorNumber(Device device, unsigned *into) { return number(device, "minor", into); }
int nvmlDeviceGetBrand(Device device, unsigned *into) { return number(device, "brand", into); }
int nvmlDeviceGetArchitecture(Device device, unsigned *into) { return number(device, "architecture", into); }

typedef struct { char legacy[16]; unsigned domain, bus, device, id, subsystem; char bus_id[32]; } Pci;
int nvmlDeviceGetPciInfo_v3(Device device, Pci *into)
{
    const char *value;
    int code = value_of(device, "pci", &value);
    if (code)
        return code;
    memset(into, 0, sizeof *into);
    snprintf(into->bus_id, sizeof into->bus_id, "%s", value);
    sscanf(value, "%x:%x:%x", &into->domain, &into->bus, &into->device);
    snprintf(into->legacy, sizeof into->legacy, "%04X:%02X:%02X.0", into->domain & 0xffff, into->bus & 0xff,
             into->device & 0xff);
    number(device, "pci.id", &into->id);
    number(device, "pci.subsystem", &into->subsystem);
    return OK;
}
int nvmlDeviceGetPciInfo_v2(Device device, Pci *into) { return nvmlDeviceGetPciInfo_v3(device, into); }

typedef struct { unsigned long long total, free, used; } Memory;
int nvmlDeviceGetMemoryInfo(Device device, Memory *into)
{
    int code = wide(device, "memory.total", &into->total);
    if (code)
        return code;
    code = wide(device, "memory.used", &into->used);
    into->free = into->total - into->used;
    return code;
}
typedef struct { unsigned version; unsigned long long total, reserved, free, used; } MemoryV2;
int nvmlDeviceGetMemoryInfo_v2(Device device, MemoryV2 *into)
{
    Memory plain = { 0, 0, 0 };
    int code = nvmlDeviceGetMemoryInfo(device, &plain);
    into->total = plain.total;
    into->free = plain.free;
    into->used = plain.used;
    into->reserved = 0;
    if (!code)
        wide(device, "memory.reserved", &into->reserved);
    return code;
}

/* Fields by number: keys "field.82"; each has a code of its own. All values are of the type that has 64 bits. */
typedef struct {
    unsigned id, scope;
    long long at, latency;
    unsigned type, code;
    unsigned long long value;
} Field;
int nvmlDeviceGetFieldValues(Device device, int count, Field *into)
{
    char key[32];
    if (!started)
        return UNINITIALIZED;
    count_call("fields");
    for (int i = 0; i < count; i++) {
        snprintf(key, sizeof key, "field.%u", into[i].id);
        into[i].type = 3;
        into[i].value = 0;
        into[i].code = (unsigned)wide(device, key, &into[i].value);
    }
    return OK;
}

/* Profiling without DCGM: keys "gpm.10", a share of 100; a card without any has none of it. */
typedef struct { Device device; } Sample;
typedef struct { unsigned id, code; double value; const char *names[3]; } GpmMetric;
typedef struct { unsigned version, count; Sample *one, *two; GpmMetric metrics[1]; } GpmRequest;
int nvmlGpmQueryDeviceSupport(Device device, unsigned *into)
{
    into[1] = 0;
    for (int i = 0; i < device->count; i++)
        into[1] = into[1] || !strncmp(device->entries[i].key, "gpm.", 4);
    return started ? OK : UNINITIALIZED;
}
int nvmlGpmSampleAlloc(Sample **into)
{
    count_call("sample.alloc");
    *into = calloc(1, sizeof **into);
    return OK;
}
int nvmlGpmSampleFree(Sample *sample)
{
    count_call("sample.free");
    free(sample);
    return OK;
}
int nvmlGpmSampleGet(Device device, Sample *sample)
{
    count_call("sample");
    sample->device = device;
    return started ? OK : UNINITIALIZED;
}
int nvmlGpmMetricsGet(GpmRequest *into)
{
    char key[32];
    const char *value;
    if (!into->one->device || into->one->device != into->two->device)
        return INVALID;
    for (unsigned i = 0; i < into->count; i++) {
        snprintf(key, sizeof key, "gpm.%u", into->metrics[i].id);
        into->metrics[i].code = (unsigned)value_of(into->two->device, key, &value);
        if (!into->metrics[i].code)
            into->metrics[i].value = atof(value);
    }
    return OK;
}

/* Events: lines "xid CODE" of a card, each told once after somebody registered for them. */
typedef struct { Device device; unsigned long long kind, data; unsigned gpu_instance, compute_instance; } Event;
int nvmlEventSetCreate(void **into)
{
    *into = registered;
    return started ? OK : UNINITIALIZED;
}
int nvmlDeviceRegisterEvents(Device device, unsigned long long kinds, void *set)
{
    const char *value;
    int code = value_of(device, "events", &value);
    (void)kinds;
    (void)set;
    if (code && code != NOT_SUPPORTED)
        return code;
    registered[device->index] = 1;
    return OK;
}
int nvmlEventSetWait_v2(void *set, Event *into, unsigned milliseconds)
{
    (void)set;
    (void)milliseconds;
    for (int i = 0; i < card_count; i++) {
        const char *found = registered[i] ? find(&cards[i], "xid", told[i]) : NULL;
        if (found) {
            memset(into, 0, sizeof *into);
            into->device = &cards[i];
            into->kind = 8;
            into->data = strtoull(found, NULL, 0);
            told[i]++;
            return OK;
        }
    }
    return 10;
}
int nvmlEventSetFree(void *set)
{
    (void)set;
    memset(registered, 0, sizeof registered);
    return OK;
}

int nvmlDeviceGetUtilizationRates(Device device, unsigned *into) { return numbers(device, "utilisation", into, into + 1, 0, 0); }
int nvmlDeviceGetTemperature(Device device, unsigned sensor, unsigned *into)
{
    return sensor ? INVALID : number(device, "temperature", into);
}
int nvmlDeviceGetTemperatureThreshold(Device device, unsigned kind, unsigned *into)
{
    return number(device, kind == 0 ? "temperature.shutdown" : "temperature.slowdown", into);
}
int nvmlDeviceGetFanSpeed(Device device, unsigned *into) { return number(device, "fan", into); }
int nvmlDeviceGetPowerUsage(Device device, unsigned *into) { return number(device, "power", into); }
int nvmlDeviceGetPowerManagementLimit(Device device, unsigned *into) { return number(device, "power.limit", into); }
int nvmlDeviceGetEnforcedPowerLimit(Device device, unsigned *into) { return number(device, "power.limit", into); }
int nvmlDeviceGetPowerManagementDefaultLimit(Device device, unsigned *into) { return number(device, "power.default", into); }
int nvmlDeviceGetPowerState(Device device, unsigned *into) { return number(device, "pstate", into); }
int nvmlDeviceGetPerformanceState(Device device, unsigned *into) { return number(device, "pstate", into); }
int nvmlDeviceGetClockInfo(Device device, unsigned kind, unsigned *into)
{
    return number(device, kind == 2 ? "clock.memory" : "clock", into);
}
int nvmlDeviceGetMaxClockInfo(Device device, unsigned kind, unsigned *into)
{
    return number(device, kind == 2 ? "clock.memory.max" : "clock.max", into);
}
int nvmlDeviceGetCurrentClocksThrottleReasons(Device device, unsigned long long *into) { return wide(device, "throttle", into); }
int nvmlDeviceGetCurrentClocksEventReasons(Device device, unsigned long long *into) { return wide(device, "throttle", into); }
int nvmlDeviceGetCurrPcieLinkGeneration(Device device, unsigned *into) { return numbers(device, "link", into, 0, 0, 0); }
int nvmlDeviceGetMaxPcieLinkGeneration(Device device, unsigned *into) { return numbers(device, "link", 0, into, 0, 0); }
int nvmlDeviceGetCurrPcieLinkWidth(Device device, unsigned *into) { return numbers(device, "link", 0, 0, into, 0); }
int nvmlDeviceGetMaxPcieLinkWidth(Device device, unsigned *into) { return numbers(device, "link", 0, 0, 0, into); }
int nvmlDeviceGetPcieReplayCounter(Device device, unsigned *into) { return number(device, "replays", into); }
int nvmlDeviceGetPersistenceMode(Device device, unsigned *into) { return number(device, "persistence", into); }
int nvmlDeviceGetComputeMode(Device device, unsigned *into) { return number(device, "compute_mode", into); }
int nvmlDeviceGetDisplayActive(Device device, unsigned *into) { return number(device, "display", into); }
int nvmlDeviceGetCudaComputeCapability(Device device, int *major, int *minor)
{
    return numbers(device, "capability", (unsigned *)major, (unsigned *)minor, 0, 0);
}

int nvmlDeviceGetEccMode(Device device, unsigned *now, unsigned *pending) { return numbers(device, "ecc.mode", now, pending, 0, 0); }
int nvmlDeviceGetTotalEccErrors(Device device, unsigned kind, unsigned since, unsigned long long *into)
{
    (void)since;
    return wide(device, kind ? "ecc.uncorrected" : "ecc.corrected", into);
}
int nvmlDeviceGetRemappedRows(Device device, unsigned *corrected, unsigned *uncorrected, unsigned *pending, unsigned *failed)
{
    return numbers(device, "remapped", corrected, uncorrected, pending, failed);
}
int nvmlDeviceGetRetiredPagesPendingStatus(Device device, unsigned *into) { return number(device, "retired.pending", into); }

/* Multi-Instance GPU: "mig NOW PENDING"; the instances are lines "instance UUID BYTES". */
int nvmlDeviceGetMigMode(Device device, unsigned *now, unsigned *pending) { return numbers(device, "mig", now, pending, 0, 0); }
int nvmlDeviceIsMigDeviceHandle(Device device, unsigned *into)
{
    *into = device->parent != NULL;
    return OK;
}
int nvmlDeviceGetMaxMigDeviceCount(Device device, unsigned *into)
{
    const char *value;
    int code = value_of(device, "mig", &value);
    *into = 7;
    return code;
}
int nvmlDeviceGetMigDeviceHandleByIndex(Device device, unsigned index, Device *into)
{
    const char *found = find(device, "instance", (int)index);
    Card *made = &instances[index % CARDS];
    char uuid[TEXT], bytes[TEXT] = "0";
    if (!found)
        return NOT_FOUND;
    sscanf(found, "%191s %191s", uuid, bytes);
    made->parent = device;
    made->index = (int)index;
    made->count = 3;
    snprintf(made->entries[0].key, TEXT, "uuid");
    snprintf(made->entries[0].value, TEXT, "%s", uuid);
    snprintf(made->entries[1].key, TEXT, "memory.total");
    snprintf(made->entries[1].value, TEXT, "%s", bytes);
    snprintf(made->entries[2].key, TEXT, "memory.used");
    snprintf(made->entries[2].value, TEXT, "0");
    *into = made;
    return OK;
}

/* Processes: lines "process PID BYTES INSTANCE"; BYTES "-" is one that the driver does not tell. */
typedef struct { unsigned pid; unsigned long long used; unsigned gpu_instance, compute_instance; } Process;
static int list_processes(Device device, const char *key, unsigned *count, Process *into)
{
    const char *value;
    unsigned found = 0;
    int code = value_of(device, "processes", &value);
    if (code && code != NOT_SUPPORTED)
        return code;
    while ((value = find(device, key, (int)found))) {
        if (into && found < *count) {
            char bytes[32] = "-";
            into[found].gpu_instance = into[found].compute_instance = 0xffffffffU;
            sscanf(value, "%u %31s %u", &into[found].pid, bytes, &into[found].gpu_instance);
            into[found].used = *bytes == '-' ? NONE : strtoull(bytes, NULL, 0);
        }
        found++;
    }
    code = found > *count ? SMALL : OK;
    *count = found;
    return code;
}
int nvmlDeviceGetComputeRunningProcesses_v3(Device device, unsigned *count, Process *into) { return list_processes(device, "process", count, into); }
int nvmlDeviceGetComputeRunningProcesses_v2(Device device, unsigned *count, Process *into) { return list_processes(device, "process", count, into); }
int nvmlDeviceGetGraphicsRunningProcesses_v3(Device device, unsigned *count, Process *into) { return list_processes(device, "graphics", count, into); }
int nvmlDeviceGetGraphicsRunningProcesses_v2(Device device, unsigned *count, Process *into) { return list_processes(device, "graphics", count, into); }

/* Virtual GPUs: "virtual MODE" (2 is a guest's), "licence STATE ENABLED", "licence.product NAME". */
int nvmlDeviceGetVirtualizationMode(Device device, unsigned *into) { return number(device, "virtual", into); }
typedef struct { unsigned year; unsigned short month, day, hour, minute, second; unsigned char status; } Expiry;
typedef struct { unsigned code, state; char info[128], product[128]; unsigned enabled; Expiry expiry; } Feature;
typedef struct { int supported; unsigned count; Feature features[3]; } Features;
int nvmlDeviceGetGridLicensableFeatures_v4(Device device, Features *into)
{
    int code;
    memset(into, 0, sizeof *into);
    code = numbers(device, "licence", &into->features[0].state, &into->features[0].enabled, 0, 0);
    if (code)
        return code;
    into->supported = 1;
    into->count = 1;
    into->features[0].code = 1;
    text(device, "licence.product", into->features[0].product, 128);
    return OK;
}

/* ------------------------------------------------------------------ CUDA */

int cuInit(unsigned flags)
{
    (void)flags;
    load();
    wait_for("cuda.milliseconds");
    if (of_machine("cuda.crash", 0))
        abort();
    return (int)of_machine("cuda.code", 0);
}
int cuDriverGetVersion(int *into)
{
    load();
    *into = (int)of_machine("cuda", 0);
    return OK;
}
int cuDeviceGetCount(int *into)
{
    const char *chosen = getenv("CUDA_VISIBLE_DEVICES");
    *into = (int)of_machine("cuda.devices", card_count);
    if (chosen && (!*chosen || *chosen == '-'))
        *into = 0;
    return OK;
}
