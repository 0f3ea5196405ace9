-- Sends every emission reconstruction to the node. Its maps come back as TRANSMISSION and stay.
function OnStoredInstance(instanceId, tags, metadata, origin)
  local imageType = tags['ImageType'] or ''
  if tags['Modality'] == 'NM' and string.find(imageType, 'RECON TOMO\\EMISSION', 1, true) then
    SendToModality(instanceId, 'mumap')
  end
end
