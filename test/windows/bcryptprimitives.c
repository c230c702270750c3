/*
 * Windows' bcryptprimitives.dll, as far as bun.exe asks for it: one function, which Wine 8 has under an older name
 * (SystemFunction036, also known as RtlGenRandom) and in another library.
 */
#include <windows.h>

BOOLEAN NTAPI SystemFunction036(PVOID buffer, ULONG length);

__declspec(dllexport) BOOL WINAPI ProcessPrng(PBYTE buffer, SIZE_T length) {
  while (length > 0) {
    /* The older function takes 32 bits of length. */
    ULONG part = length > 0x40000000 ? 0x40000000 : (ULONG)length;
    if (!SystemFunction036(buffer, part)) return FALSE;
    buffer += part;
    length -= part;
  }
  return TRUE;
}
